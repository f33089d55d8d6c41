"""Hashes of other systems, checked before an engine of our own, which makes all new ones."""

import hashlib
import time

from service.domain.foreign_hashes import schemes
from service.domain.foreign_hashes.spellings import HEX_SHA256_BCRYPT
from service.domain.passwords.bcrypt_engine import WRONG, BcryptEngine
from service.domain.passwords.engine import Job, Match

NAMES = tuple(f"${name}$" for name in schemes.SCHEMES)
CHEAPEST = 4  # of bcrypt's costs
NEXT_TO_NOTHING = 2.0**-6  # of one hash of ours
SAMPLES = 3
SAMPLE_STEPS = 5  # a sample costs 2**-5 of one hash


class ForeignEngine:
    """A wrong password for a foreign hash costs what one for an unknown account does, or more if the hash is dearer.

    The right one costs a hash of our own besides, which replaces the foreign one.
    """

    def __init__(self, ours: BcryptEngine) -> None:
        self.name = ours.name
        self.threads_per_core = ours.threads_per_core
        self._ours = ours
        self._seconds_of_ours = self._measured()  # now: nobody else hashes in the lanes, which threads share

    def verify(self, job: Job) -> Match:
        if job.stored is None:
            return self._ours.verify(job)
        if found := HEX_SHA256_BCRYPT.fullmatch(job.stored):
            kind, rounds, salt, digest = found.groups()
            return self._over_bcrypt(job.password, f"${kind}${int(rounds):02}${salt}{digest}")
        if not job.stored.startswith(NAMES):
            return self._ours.verify(job)
        try:
            before = time.thread_time()
            same = schemes.is_right(schemes.parse(job.stored), job.password)
            seconds = time.thread_time() - before
        except Exception:  # noqa: BLE001 - one that cannot be computed costs a decoy: nothing reveals it
            self._ours.spend(self._ours.rounds)
            return WRONG
        if same:
            return self._upgraded(job.password)
        self._top_up(seconds)
        return WRONG

    def _over_bcrypt(self, password: str, stored: str) -> Match:
        hexadecimal = hashlib.sha256(password.encode("utf-8", "surrogatepass")).hexdigest()
        match = self._ours.verify(Job(hexadecimal, stored))  # which has the cap, and tops up
        return self._upgraded(password) if match.same else WRONG

    def _upgraded(self, password: str) -> Match:
        return Match(same=True, upgraded=self._ours.verify(Job(password, None)).upgraded)

    def _top_up(self, seconds: float) -> None:
        """bcrypt's costs are halves, quarters, … of ours: those that make up for the rest, rounded up.

        `seconds` are of the thread, not of the clock: a busy machine makes no hash look dear. Of a hash that uses
        several threads only one is counted, so it costs more than ours.
        """
        left = 1 - seconds / self._seconds_of_ours
        if left > 1 - NEXT_TO_NOTHING:
            self._ours.spend(self._ours.rounds)  # in one piece, as for an unknown account
            return
        for rounds in range(self._ours.rounds - 1, CHEAPEST - 1, -1):
            cost = 2.0 ** (rounds - self._ours.rounds)
            if left >= cost:
                self._ours.spend(rounds)
                left -= cost
        if left > 0:
            self._ours.spend(CHEAPEST)

    def _measured(self) -> float:
        """Seconds of one hash of ours, from some cheaper ones. The least is believed: other work only adds to it."""
        rounds = max(self._ours.rounds - SAMPLE_STEPS, CHEAPEST)
        best = min(self._sample(rounds) for _ in range(SAMPLES))
        return max(best * 2.0 ** (self._ours.rounds - rounds), 1e-6)

    def _sample(self, rounds: int) -> float:
        before = time.thread_time()
        self._ours.spend(rounds)
        return time.thread_time() - before
