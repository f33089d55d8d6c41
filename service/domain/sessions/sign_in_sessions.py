"""Logins in several calls: what a client is given to come back with at the next one.

Such a session is sealed and says itself whose it is, what it is for and until when; so every instance tells one that
is made up, one that has expired and one that was used apart. Only the uses are remembered, in Redis. It is here rather
than with the second factors because it knows nothing of them: most steps are passed without any.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from service.ambient import Ambient
from service.domain.credentials import emails
from service.domain.credentials.made_up_ids import MadeUpIds
from service.domain.events.security_events import Reason
from service.domain.seals import BEGINNING, NONCE_BYTES, TAG_BYTES, Purpose, Seals
from service.domain.sessions.ports import SessionUses
from service.errors import InvalidChallengeError
from service.faults import Fault
from service.operator_errors import DamagedDataError

TRIES = 5  # answers that one session takes
ID_BYTES = 16
SHORTEST = BEGINNING + NONCE_BYTES + TAG_BYTES
SLACK = timedelta(minutes=1)  # clocks of instances differ: a use is remembered for longer than any takes the session
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
NO_FACTS: Mapping[str, str] = MappingProxyType({})

Claim = Callable[[], Awaitable[None]]  # uses up what a login goes on from; raises InvalidChallengeError


class Step(StrEnum):
    """What a session waits for."""

    CHOICE = "choice"  # of a way to sign in
    PASSWORD = "password"  # noqa: S105 - a step's name
    EMAIL_CODE = "email_code"
    PASSKEY = "passkey"
    SECOND_FACTOR = "second_factor"
    FACTOR_SETUP = "factor_setup"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInSession:
    """One that was opened. `facts` are what the step before it left for this one."""

    id: str
    step: Step
    begun_at: datetime
    ends_at: datetime
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInSessions:
    """The sessions of unknown accounts are as long as those of known ones, and behave in the same way."""

    seals: Seals
    uses: SessionUses
    lifetime: timedelta
    ambient: Ambient

    def begin(
        self,
        step: Step,
        email: str,
        client_id: str,
        facts: Mapping[str, str] = NO_FACTS,
        at_most: timedelta | None = None,
    ) -> str:
        """`at_most`: for what lasts no longer than that."""
        now = self.ambient.now()
        ends_at = now + (self.lifetime if at_most is None else min(self.lifetime, at_most))
        held = [
            self.ambient.random_bytes(ID_BYTES).hex(),
            _stamp(now),
            _stamp(ends_at),
            self._names(email),
            dict(facts),
        ]
        plain = json.dumps(held, separators=(",", ":")).encode()
        sealed = self.seals.seal(Purpose.SIGN_IN_SESSION, plain, _door(step, client_id))
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, text: str, email: str, client_id: str, *steps: Step) -> SignInSession:
        """The session, if it is this user's at this client, and waits for one of the steps.

        Raises InvalidChallengeError.
        """
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise InvalidChallengeError(Fault.MALFORMED) from None
        if len(sealed) < SHORTEST:
            raise InvalidChallengeError(Fault.MALFORMED)
        for step in steps:
            try:
                plain = self.seals.open(Purpose.SIGN_IN_SESSION, sealed, _door(step, client_id))
            except DamagedDataError:
                continue
            session_id, begun, ends, names, facts = json.loads(plain)
            if not any(mine == held for mine, held in zip(self._names(email), names, strict=True)):
                break
            session = SignInSession(
                id=session_id, step=step, begun_at=_moment(begun), ends_at=_moment(ends), facts=facts
            )
            if self.ambient.now() >= session.ends_at:
                raise InvalidChallengeError(Fault.EXPIRED)
            return session
        raise InvalidChallengeError(Fault.FORGED)

    async def count_try(self, session: SignInSession) -> None:
        """Before an answer is looked at, so that guesses in parallel are counted too. Raises InvalidChallengeError."""
        tries = await self.uses.count_try(session.id, self._remembered_for(session))
        if tries is None:
            raise InvalidChallengeError(Reason.REUSED)
        if tries > TRIES:
            raise InvalidChallengeError(Reason.CHALLENGE_OVER)

    async def claim(self, session: SignInSession) -> None:
        """Use it up. Of all callers for one session, one returns; raises InvalidChallengeError for the others."""
        if not await self.uses.claim(session.id, self._remembered_for(session)):
            raise InvalidChallengeError(Reason.REUSED)

    def _names(self, email: str) -> tuple[str, str]:
        """What the user of a session is known by, whichever of them is told: as long for everybody.

        The second one tells a stranger's address and its made-up id for the same, as an account's address and id are.
        """
        canonical_email = emails.for_look_up(email)
        digest = hashlib.sha256(canonical_email.encode()).hexdigest()
        return digest, MadeUpIds(self.seals).called(canonical_email).hex

    def _remembered_for(self, session: SignInSession) -> timedelta:
        return session.ends_at - self.ambient.now() + SLACK


def _door(step: Step, client_id: str) -> str:
    return f"{step}|{client_id}"


def _stamp(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND


def _moment(stamp: int) -> datetime:
    return EPOCH + stamp * MICROSECOND


async def nothing_to_claim() -> None:
    """Of a login in one call."""
