"""The outbox in memory, and couriers that do as they are told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from service.ambient import Ambient
from service.domain.mail.models import Greeting, KeptMail, Letter, Mail, OutboxState, Wish


@dataclass
class Row:
    mail: Mail
    due_at: datetime
    failed_at: datetime | None = None
    last_reply: str = ""
    rendered: bytes | None = None

    @property
    def is_waiting(self) -> bool:
        return self.failed_at is None and self.rendered is None


@dataclass
class FakeOutbox:
    ambient: Ambient
    has_user: Callable[[UUID], bool] = lambda _: True
    rows: dict[UUID, Row] = field(default_factory=dict)

    async def add(self, mail_id: UUID, wish: Wish) -> datetime | None:
        if "\0" in wish.recipient or (wish.user_id and not self.has_user(wish.user_id)):
            return None
        mail = Mail(
            id=mail_id,
            kind=wish.kind,
            recipient=wish.recipient,
            user_id=wish.user_id,
            language=wish.language,
            facts=dict(wish.facts),
            created_at=self.ambient.now(),
            attempts=0,
        )
        self.rows[mail_id] = Row(mail, self.ambient.now())
        return mail.created_at

    async def claim(self, limit: int, lease: timedelta) -> Sequence[Mail]:
        now = self.ambient.now()
        due = [row for row in self.rows.values() if row.is_waiting and row.due_at <= now]
        due.sort(key=lambda row: row.due_at)
        for row in due[:limit]:
            row.due_at = now + lease
            row.mail = replace(row.mail, attempts=row.mail.attempts + 1)
        return sorted((row.mail for row in due[:limit]), key=lambda mail: mail.created_at)

    async def postpone(self, mail_id: UUID, pause: timedelta, reply: str) -> None:
        if row := self._waiting(mail_id):
            row.due_at, row.last_reply = self.ambient.now() + pause, reply[:500]

    async def put_back(self, mail_id: UUID, pause: timedelta) -> None:
        if row := self._waiting(mail_id):
            row.due_at = self.ambient.now() + pause
            row.mail = replace(row.mail, attempts=row.mail.attempts - 1)

    async def give_up(self, mail_id: UUID, reply: str) -> None:
        if row := self._waiting(mail_id):
            row.failed_at, row.last_reply = self.ambient.now(), reply[:500]

    async def keep(self, mail: Mail, rendered: bytes) -> None:
        row = self.rows.setdefault(mail.id, Row(replace(mail, created_at=self.ambient.now()), self.ambient.now()))
        row.mail = replace(row.mail, recipient=mail.recipient)
        row.rendered = rendered

    async def remove(self, mail_id: UUID) -> None:
        if (row := self.rows.get(mail_id)) and row.rendered is None:
            del self.rows[mail_id]

    async def state(self) -> OutboxState:
        now = self.ambient.now()
        waiting = [row.mail.created_at for row in self.rows.values() if row.is_waiting]
        failed = sorted(
            (row for row in self.rows.values() if row.failed_at), key=lambda row: row.mail.created_at, reverse=True
        )
        return OutboxState(
            waiting=len(waiting),
            oldest=now - min(waiting, default=now),
            failed=len(failed),
            last_reply=failed[0].last_reply if failed else "",
        )

    async def delete_expired(self, after: timedelta) -> None:
        before = self.ambient.now() - after
        self.rows = {key: row for key, row in self.rows.items() if row.is_waiting or row.mail.created_at >= before}

    async def kept(self, limit: int, recipient: str = "") -> Sequence[KeptMail]:
        kept = [row for row in self.rows.values() if row.rendered is not None]
        kept.sort(key=lambda row: row.mail.created_at, reverse=True)
        found = [_kept(row) for row in kept[:1_000] if recipient.lower() in ("", row.mail.recipient.lower())]
        return found[:limit]

    async def kept_one(self, mail_id: UUID) -> KeptMail | None:
        row = self.rows.get(mail_id)
        return _kept(row) if row and row.rendered is not None else None

    def _waiting(self, mail_id: UUID) -> Row | None:
        row = self.rows.get(mail_id)
        return row if row and row.is_waiting else None


def _kept(row: Row) -> KeptMail:
    mail = row.mail
    return KeptMail(
        id=mail.id, kind=mail.kind, recipient=mail.recipient, created_at=mail.created_at, rendered=row.rendered or b""
    )


@dataclass
class FakeCourier:
    """`failures`: what delivering to an address raises; all others get their mail."""

    failures: dict[str, Exception] = field(default_factory=dict)
    delivered: list[tuple[Mail, Letter]] = field(default_factory=list)
    rests: int = 0

    async def deliver(self, mail: Mail, letter: Letter) -> str:
        if failure := self.failures.get(letter.recipient):
            raise failure
        self.delivered.append((mail, letter))
        return "250 taken"

    async def greet(self) -> Greeting:
        return Greeting(is_encrypted=False, is_logged_in=False)

    async def rest(self) -> None:
        self.rests += 1

    @property
    def recipients(self) -> list[str]:
        return [letter.recipient for _, letter in self.delivered]


@dataclass
class FakeAddressLimit:
    """`full`: addresses that get no more."""

    full: set[str] = field(default_factory=set)
    charges: list[str] = field(default_factory=list)
    failure: Exception | None = None

    async def take(self, recipient: str) -> bool:
        if self.failure:
            raise self.failure
        if recipient in self.full:
            return False
        self.charges.append(recipient)
        return True

    async def give_back(self, recipient: str) -> None:
        self.charges.remove(recipient)
