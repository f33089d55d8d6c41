"""Hashing and checking passwords, and upgrading their hashes."""

import os
import unicodedata
from collections.abc import Sequence
from datetime import timedelta

from passlib.context import CryptContext
from passlib.utils.binary import bcrypt64

from service import settings
from service.ambient import Ambient
from service.broken_fields import BrokenField, FieldCode
from service.domain.models import Visitor
from service.domain.passwords.common import is_common
from service.domain.passwords.engine import HashEngine, Job, Match
from service.domain.passwords.hash_queue import HashQueue, Slot
from service.domain.passwords.policy import MAX_TYPED
from service.errors import InvalidFieldsError

SERVICE = "tokenhouse"
MAX_STORED_ROUNDS = 15  # an imported hash above this cost is never computed: at 31 it would hold a core for days
WRONG = Match(same=False)


def usable_cores() -> int:
    """The number of cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Decoys:
    """Hashes without a known password. Checking one takes as long as checking a real one with the same rounds."""

    def __init__(self, ambient: Ambient) -> None:
        self._salt = bcrypt64.encode_bytes(ambient.random_bytes(16)).decode()
        self._digest = bcrypt64.encode_bytes(ambient.random_bytes(23)).decode()

    def at(self, rounds: int) -> str:
        return f"$bcrypt-sha256$v=2,t=2b,r={rounds}${self._salt}${self._digest}"


class BcryptEngine:
    """bcrypt through passlib, one hash after another.

    New hashes are of the scheme `bcrypt_sha256`: every byte of a password counts, NUL too. Plain `bcrypt` hashes come
    from imports. A password over 72 bytes or with a NUL never matches them, even if their source system truncated it
    there; they are replaced when the right password comes.
    """

    lanes = 1

    def __init__(self, rounds: int, decoys: Decoys) -> None:
        self._rounds = rounds
        self._decoys = decoys
        self._context = CryptContext(
            schemes=["bcrypt_sha256", "bcrypt"], deprecated=["bcrypt"], bcrypt_sha256__rounds=rounds
        )
        self._context.handler("bcrypt_sha256").get_backend()  # loads and tests bcrypt now, in one thread

    def verify_many(self, jobs: Sequence[Job]) -> list[Match]:
        return [self._verify(job.password, job.stored) for job in jobs]

    def _verify(self, password: str, stored: str | None) -> Match:
        if stored is None:
            return Match(same=True, upgraded=self._context.hash(password))
        return self._check(password, stored)

    def _check(self, password: str, stored: str) -> Match:
        """A hash that passlib refuses costs one decoy hash: no error and no fast response reveals it."""
        try:
            rounds = self._rounds_of(stored)
            same, upgraded = self._context.verify_and_update(password, stored)
        except Exception:  # noqa: BLE001 - passlib and bcrypt raise many kinds of errors for damaged input
            self._spend(self._rounds)
            return WRONG
        if not same:
            self._top_up(rounds)
        return Match(same=same, upgraded=upgraded)

    def _rounds_of(self, stored: str) -> int:
        rounds: int = self._context.identify(stored, resolve=True, required=True).from_string(stored).rounds
        if rounds > MAX_STORED_ROUNDS:
            raise ValueError("too dear to compute")
        return rounds

    def _top_up(self, rounds: int) -> None:
        """A wrong password for a cheaper, older hash must not be refused sooner than one for an unknown account.

        Costs double from step to step, so the hash just computed and one at each cost up to the current add up to one
        at the current cost.
        """
        for missing in range(rounds, self._rounds):
            self._spend(missing)

    def _spend(self, rounds: int) -> None:
        self._context.verify("", self._decoys.at(rounds))


class Passwords:
    """Passwords are compared in NFC. Each operation needs a place in the hash queue, reserved before it:

    with passwords.reserve(visitor, email) as place:
        ...
        match = await passwords.match(password, stored, place)
    """

    def __init__(
        self,
        config: settings.PasswordSettings,
        ambient: Ambient,
        *,
        engine: HashEngine | None = None,
    ) -> None:
        """`engine` replaces bcrypt through passlib."""
        self._refuses_common = config.refuse_common
        decoys = Decoys(ambient)
        self._decoy = decoys.at(config.bcrypt_rounds)
        self.queue = HashQueue(
            engine or BcryptEngine(config.bcrypt_rounds, decoys),
            ambient,
            workers=config.workers or usable_cores(),
            max_wait=config.max_wait,
            first_guess=timedelta(seconds=0.3) * 2.0 ** (config.bcrypt_rounds - 12),
        )

    def refuse_if_full(self, visitor: Visitor) -> None:
        """Raise OverloadedError when there is no place for this visitor. Call it first, before the body is read."""
        self.queue.refuse_if_full(visitor)

    def refuse_common(self, field: str, password: str, canonical_email: str) -> None:
        """Raise InvalidFieldsError for a new password that attackers try first, if the settings say so."""
        if self._refuses_common and is_common(password, SERVICE, canonical_email.partition("@")[0]):
            raise InvalidFieldsError([BrokenField(field, FieldCode.COMMON, "Use a password that is harder to guess.")])

    def reserve(self, visitor: Visitor, account: str | None = None) -> Slot:
        """Take a place in the queue, for one operation; `account` is the canonical e-mail address, when one is named.

        Call it after the body is read and before any store is queried. Raises OverloadedError when there is no place.
        """
        return self.queue.reserve(visitor, account)

    async def hash(self, password: str, place: Slot) -> str:
        """A new hash of a password that follows the rules of sign-up. Raises the errors of `Slot.run`."""
        match = await place.run(Job(_normal(password), None))
        if match.upgraded is None:
            raise RuntimeError("the hash engine made no hash")
        return match.upgraded

    async def match(self, password: str, stored: str | None, place: Slot) -> Match:
        """Compare, spending the same time whether or not the account exists. Raises the errors of `Slot.run`.

        Only a stored hash above the current cost takes longer, until the right password replaces it.
        """
        if stored is None or len(password) > MAX_TYPED:
            await place.run(Job("", self._decoy))
            return WRONG
        return await place.run(Job(_normal(password), stored))

    async def close(self) -> None:
        await self.queue.close()


def _normal(password: str) -> str:
    return unicodedata.normalize("NFC", password)
