"""Hashing and checking passwords, and upgrading their hashes."""

import os
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from math import ceil
from pathlib import Path

from service import settings
from service.ambient import Ambient
from service.broken_fields import BrokenField, FieldCode
from service.domain.models import Visitor
from service.domain.passwords.bcrypt_engine import WRONG, BcryptEngine, Decoys
from service.domain.passwords.common import is_common
from service.domain.passwords.engine import HashEngine, Job, Match
from service.domain.passwords.foreign_engine import ForeignEngine
from service.domain.passwords.hash_queue import HashQueue, Slot
from service.domain.passwords.lanes import lanes_for
from service.domain.passwords.policy import MAX_TYPED
from service.errors import InvalidFieldsError

SERVICE = "tokenhouse"
Besides = Callable[[], None] | None  # what is done in the same place of the queue, such as a verifier for SRP
CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # microseconds in each period, and the period; version 2 of cgroups


def usable_cores(quota: Path = CPU_QUOTA) -> int:
    """The number of cores that this process may run on, by its affinity and the quota of its container."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):  # there is no quota, or no such file
        share, period = quota.read_text(encoding="ascii").split()
        cores = min(cores, ceil(int(share) / int(period)))
    return max(cores, 1)


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
        """`engine` replaces bcrypt through passlib. Raises ConfigurationError."""
        self._refuses_common = config.refuse_common
        decoys = Decoys(ambient)
        self._decoy = decoys.at(config.bcrypt_rounds)
        cores = usable_cores()
        if config.workers:
            cores = min(cores, config.workers)  # with more than there are, lanes would stay empty
        ours = BcryptEngine(config.bcrypt_rounds, decoys, lanes_for(config.engine, cores))
        engine = engine or ForeignEngine(ours)
        self.queue = HashQueue(
            engine,
            ambient,
            workers=cores * engine.threads_per_core,
            max_wait=config.max_wait,
            first_guess=timedelta(seconds=0.4) * 2.0 ** (config.bcrypt_rounds - 12),
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

    async def hash(self, password: str, place: Slot, besides: Besides = None) -> str:
        """A new hash of a password that follows the rules of sign-up. Raises the errors of `Slot.run`."""
        match = await place.run(Job(_normal(password), None, besides))
        if match.upgraded is None:
            raise RuntimeError("the hash engine made no hash")
        return match.upgraded

    async def match(self, password: str, stored: str | None, place: Slot, besides: Besides = None) -> Match:
        """Compare, spending the same time whether or not the account exists. Raises the errors of `Slot.run`.

        Only a stored hash above the current cost takes longer, until the right password replaces it. `besides` is done
        as well where the password is right.
        """
        if stored is None or len(password) > MAX_TYPED:
            await place.run(Job("", self._decoy))
            return WRONG
        return await place.run(Job(_normal(password), stored, besides))

    async def close(self) -> None:
        await self.queue.close()


def _normal(password: str) -> str:
    return unicodedata.normalize("NFC", password)
