"""Questions to the system before this one whether a password is right: bounded, signed, counted, and understood."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import structlog

from service.ambient import Ambient
from service.domain.credentials import emails
from service.domain.events.security_events import Reason
from service.domain.models import Visitor
from service.domain.sessions.models import AskCounts, AskOutcome
from service.domain.transfer import formats
from service.domain.transfer.models import MovedUser, RefusedRecordError
from service.domain.transfer.ports import NoOldAnswerError, OldSystem
from service.domain.webhooks import messages
from service.networks import prefix_of

SHARES = 4  # one network gets at most a quarter of the questions
RIGHT, WRONG = 200, frozenset({401, 403, 404})
log = structlog.get_logger(__name__)


class OldAnswers:
    """`most`: questions at once. Beyond it nobody waits: the old system has enough to do."""

    def __init__(self, old_system: OldSystem, keys: Sequence[bytes], ambient: Ambient, *, most: int) -> None:
        self.counts = AskCounts()
        self._old_system = old_system
        self._keys = keys
        self._ambient = ambient
        self._most = most
        self._running: Counter[str] = Counter()  # by network

    async def ask(self, email: str, canonical_email: str, password: str, visitor: Visitor) -> MovedUser | Reason:
        """The account as the old system knows it, if that is the password there; or else why not."""
        network = prefix_of(visitor.source)
        if self._running.total() >= self._most or self._running[network] >= max(1, self._most // SHARES):
            return self._told(AskOutcome.BUSY, Reason.OLD_SYSTEM_BUSY)
        with self._running_from(network):
            try:
                status, body = await self._exchange(email, password)
                if status in WRONG:
                    return self._told(AskOutcome.WRONG, Reason.NONE)
                moved = _read(status, body, canonical_email)
            except NoOldAnswerError as error:
                how = AskOutcome.BAD_ANSWER if error.was_reached else AskOutcome.NO_ANSWER
                return self.failed(how, str(error))
        if moved.is_disabled:
            return self._told(AskOutcome.WRONG, Reason.DISABLED)
        return replace(moved, email=moved.email or email)

    def count_right(self) -> None:
        """Once nothing of the answer is refused."""
        self.counts.outcomes[AskOutcome.RIGHT] += 1

    def failed(self, outcome: AskOutcome, why: str) -> Reason:
        """`why` is for the operator: it quotes nothing of a question or an answer."""
        log.warning("the old system did not tell", why=why)
        return self._told(outcome, Reason.OLD_SYSTEM_FAILED)

    def _told(self, outcome: AskOutcome, why: Reason) -> Reason:
        self.counts.outcomes[outcome] += 1
        return why

    async def _exchange(self, email: str, password: str) -> tuple[int, bytes]:
        body = json.dumps({"email": email, "password": password}, separators=(",", ":"))
        headers = messages.headers_of(self._ambient.new_uuid(), body, self._keys, self._ambient.now())
        began = self._ambient.monotonic()
        try:
            return await self._old_system.ask(headers, body.encode())
        finally:
            self.counts.seconds.add(self._ambient.monotonic() - began)

    @contextmanager
    def _running_from(self, network: str) -> Iterator[None]:
        self._running[network] += 1
        try:
            yield
        finally:
            self._running[network] -= 1
            if not self._running[network]:
                del self._running[network]


def _read(status: int, body: bytes, canonical_email: str) -> MovedUser:
    """Raises NoOldAnswerError."""
    if status != RIGHT:
        raise _bad(f"its status is {status}")
    try:
        record = json.loads(body)
    except (ValueError, RecursionError):
        raise _bad("its answer is no JSON") from None
    if not isinstance(record, dict):
        raise _bad("its answer is no JSON object")
    record.pop("passwordHash", None)  # the password itself is there
    try:
        moved = formats.FORMATS["jsonl"].convert(record)
    except RefusedRecordError as refused:
        raise _bad(f"its answer is not taken: {refused}") from None
    if moved.email and emails.for_look_up(moved.email) != canonical_email:
        raise _bad("its answer is about another address")
    return moved


def _bad(why: str) -> NoOldAnswerError:
    return NoOldAnswerError(why, was_reached=True)
