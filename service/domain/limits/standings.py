"""How full the limits of one account, or of one source, are; and their clearing by operators."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from service.domain.events.security_events import Event, Events, Name, Reason, acting
from service.domain.limits.charges import Charge
from service.domain.models import User
from service.networks import prefix_of
from service.settings import Rate, ThrottleSettings

LOGIN, LOCKOUT = "login", "in-a-row"


@dataclass(frozen=True, slots=True)
class LimitRow:
    """One row: of `charge.who`, a source or a digest."""

    policy: str
    charge: Charge

    @property
    def name(self) -> str:
        return f"{self.policy}-{self.charge.row}"


@dataclass(frozen=True, slots=True)
class LimitStanding:
    row: LimitRow
    used: int
    empty_in: timedelta

    @property
    def is_full(self) -> bool:
        return self.used >= self.row.charge.rate.quota


class LimitRows(Protocol):
    async def standings(self, rows: Sequence[LimitRow]) -> Sequence[LimitStanding]:
        """Of those rows that are not empty."""

    async def clear(self, rows: Sequence[LimitRow]) -> int:
        """How many were not empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`source`: as limits count it, an IPv4 address or the /64 of an IPv6 address."""

    store: LimitRows
    settings: ThrottleSettings
    digest: Callable[[str], str]
    events: Events

    async def of(self, user: User | None, source: str) -> Sequence[LimitStanding]:
        return await self.store.standings(list(self._rows(user, source)))

    async def clear(self, user: User | None, source: str, actor: str) -> int:
        """How many rows were not empty."""
        count = await self.store.clear(list(self._rows(user, source)))
        with acting(actor):
            user_id, where = user.id if user else None, prefix_of(source) if source else ""
            self.events.emit(Event(Name.LIMITED, reason=Reason.LIMITS_CLEARED, user_id=user_id, source=where))
        return count

    def _rows(self, user: User | None, source: str) -> Iterator[LimitRow]:
        if user:
            yield from self._of_account(user.canonical_email)
            yield from self._of_user(user.id)
        if source:
            yield from self._of_source(source)
        if user and source:
            pair, settings = self.digest(f"{user.canonical_email}\0{source}"), self.settings
            yield LimitRow(LOGIN, Charge("pair", pair, settings.login_account_source))

    def _of_account(self, canonical_email: str) -> Iterator[LimitRow]:
        who, settings = self.digest(canonical_email), self.settings
        yield LimitRow(LOGIN, Charge("account", who, settings.login_account))
        yield LimitRow(LOGIN, Charge(LOCKOUT, who, Rate(quota=settings.login_lockout, window=timedelta(days=1))))
        yield LimitRow("code", Charge("account", who, settings.code_account))
        yield LimitRow("mail-address", Charge("address", who, settings.mail_address))
        yield LimitRow("mail-address", Charge("asked", who, settings.mail_address))

    def _of_user(self, user_id: UUID) -> Iterator[LimitRow]:
        who, settings = self.digest(str(user_id)), self.settings
        yield LimitRow("mail", Charge("user", who, settings.mail_source))
        yield LimitRow("api-key-rotation", Charge("user", who, settings.api_key_rotation))
        yield LimitRow("export", Charge("user", who, settings.export))
        yield LimitRow("profile-change", Charge("user", who, settings.profile_change))

    def _of_source(self, source: str) -> Iterator[LimitRow]:
        settings = self.settings
        rates = {
            LOGIN: settings.login_source,
            "login-attempts": settings.login_attempts,
            "signup": settings.signup_source,
            "refresh": settings.refresh_source,
            "refresh-unknown": settings.refresh_unknown,
            "api-key-unknown": settings.api_key_unknown,
            "mail": settings.mail_source,
            "code": settings.code_source,
            "passkey": settings.passkey_source,
        }
        for policy, rate in rates.items():
            if rate:
                yield LimitRow(policy, Charge("source", source, rate))
