"""Computes and checks password hashes with bcrypt, in a time that does not reveal whether the account exists."""

from passlib.context import CryptContext
from passlib.hash import bcrypt, bcrypt_sha256
from passlib.utils.binary import bcrypt64

from service.ambient import Ambient
from service.domain.passwords.engine import Job, Match
from service.domain.passwords.lanes import Lanes

MAX_STORED_ROUNDS = 15  # an imported hash above this cost is never computed: at 31 it would hold a core for days
WRONG = Match(same=False)


class Decoys:
    """Hashes without a known password. Checking one takes as long as checking a real one with the same rounds."""

    def __init__(self, ambient: Ambient) -> None:
        self._salt = bcrypt64.encode_bytes(ambient.random_bytes(16)).decode()
        self._digest = bcrypt64.encode_bytes(ambient.random_bytes(23)).decode()

    def at(self, rounds: int) -> str:
        return f"$bcrypt-sha256$v=2,t=2b,r={rounds}${self._salt}${self._digest}"


class BcryptEngine:
    """bcrypt through passlib, which judges formats and costs, and compares.

    New hashes are of the scheme `bcrypt_sha256`: every byte of a password counts, NUL too. Plain `bcrypt` hashes come
    from imports. A password over 72 bytes or with a NUL never matches them, even if their source system truncated it
    there; they are replaced when the right password comes.
    """

    def __init__(self, rounds: int, decoys: Decoys, lanes: Lanes | None = None) -> None:
        """Without `lanes`, the bcrypt package computes."""
        self.name = "wheel" if lanes is None else "lanes"
        self.threads_per_core = 1 if lanes is None else lanes.per_core
        self.rounds = rounds
        self._decoys = decoys
        self._context = CryptContext(
            schemes=[bcrypt_sha256, bcrypt] if lanes is None else lanes.handlers(),
            deprecated=["bcrypt"],
            bcrypt_sha256__rounds=rounds,
        )
        bcrypt.get_backend()  # loads and tests the bcrypt package now, in one thread

    def verify(self, job: Job) -> Match:
        if job.stored is None:
            return Match(same=True, upgraded=self._context.hash(job.password))
        return self._check(job.password, job.stored)

    def _check(self, password: str, stored: str) -> Match:
        """A hash that passlib refuses costs one decoy hash: no error and no fast response reveals it."""
        try:
            rounds = self._rounds_of(stored)
            same, upgraded = self._context.verify_and_update(password, stored)
        except Exception:  # noqa: BLE001 - passlib and bcrypt raise many kinds of errors for damaged input
            self.spend(self.rounds)
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
        for missing in range(rounds, self.rounds):
            self.spend(missing)

    def spend(self, rounds: int) -> None:
        """Compute one decoy hash."""
        self._context.verify("", self._decoys.at(rounds))
