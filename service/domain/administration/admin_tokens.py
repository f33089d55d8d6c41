"""Admin tokens: made, listed and ended by the command alone, accepted for what they may do from where they may come."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network

from service.ambient import Ambient
from service.domain.administration.models import ACTOR, AdminScope, AdminToken
from service.domain.administration.ports import AdminTokenStore
from service.domain.credentials.api_keys import AdminKey
from service.domain.events.security_events import Event, Events, Name, Outcome, Reason, acting
from service.domain.limits.throttle import Throttle
from service.domain.models import Visitor
from service.errors import InsufficientScopeError, InvalidAdminTokenError
from service.faults import Fault
from service.settings import Networks, Rate

LONGEST = timedelta(days=366)  # until it expires


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedToken:
    """Already validated."""

    name: str
    scopes: Sequence[AdminScope]
    networks: Networks
    lifetime: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminTokens:
    store: AdminTokenStore
    sources: Networks
    rate: Rate
    throttle: Throttle
    ambient: Ambient
    events: Events

    async def make(self, wanted: WantedToken) -> tuple[AdminToken, str] | None:
        """The token and its text, which is not stored. None where there is one of this name already."""
        key, now = AdminKey.make(self.ambient), self.ambient.now()
        token = AdminToken(
            id=self.ambient.new_uuid(),
            name=wanted.name,
            scopes=tuple(one.value for one in AdminScope if one in wanted.scopes),
            networks=tuple(str(one) for one in wanted.networks),
            created_at=now,
            expires_at=now + wanted.lifetime,
        )
        if not await self.store.add(token, key.digest):
            return None
        self.events.emit(Event(Name.TOKEN_CREATED, reason=Reason.ADMIN_TOKEN_CREATED, key_id=token.actor))
        return token, key.text

    async def all(self) -> Sequence[AdminToken]:
        """The oldest first, expired ones among them."""
        return await self.store.all()

    async def end(self, name: str) -> bool:
        """It is refused from now on. Whether there was one of this name."""
        if is_there := await self.store.remove(name):
            self.events.emit(Event(Name.TOKEN_REVOKED, reason=Reason.ADMIN_TOKEN_ENDED, key_id=f"{ACTOR}{name}"))
        return is_there

    async def accept(self, text: str | None, scope: AdminScope, visitor: Visitor) -> AdminToken:
        """The token of this text, if it may be used for this, from there. Its use is noted to the minute.

        Raises InvalidAdminTokenError, InsufficientScopeError or RateLimitedError.
        """
        token = await self._known(text, visitor)
        await self.throttle.api_key_use(token.id, self.rate)
        if scope not in token.scopes:
            with acting(token.actor):
                self.events.emit(Event(Name.REFUSED, Outcome.FAILURE, Reason.INSUFFICIENT_SCOPE))
            raise InsufficientScopeError(scope)
        minute = self.ambient.now().replace(second=0, microsecond=0)
        if token.last_used_at is None or token.last_used_at < minute:
            await self.store.note_use(token.id, minute)
        return token

    async def _known(self, text: str | None, visitor: Visitor) -> AdminToken:
        if text is None:
            raise InvalidAdminTokenError(Fault.NO_CREDENTIAL, presented=False)
        key = AdminKey.parse(text)
        token = await self.store.by_digest(key.digest) if key else None
        why = self._why_not(token, visitor)
        if token and not why:
            return token
        with acting(token.actor if token else ""):
            self.events.emit(Event(Name.REFUSED, Outcome.FAILURE, why))
        await self.throttle.unknown_api_key(visitor)
        raise InvalidAdminTokenError(why)

    def _why_not(self, token: AdminToken | None, visitor: Visitor) -> Reason:
        if token is None:
            return Reason.UNKNOWN_ADMIN_TOKEN
        if token.expires_at <= self.ambient.now():
            return Reason.EXPIRED_ADMIN_TOKEN
        own = map(ip_network, token.networks)
        return Reason.NONE if _admits(self.sources, visitor) and _admits(own, visitor) else Reason.OTHER_NETWORK


def _admits(networks: Iterable[IPv4Network | IPv6Network], visitor: Visitor) -> bool:
    """Any visitor, where none is named. A source is an IPv4 address or an IPv6 /64, see `Throttle.is_free`."""
    named = list(networks)
    if not named:
        return True
    return visitor.source != "local" and any(ip_network(visitor.source).overlaps(one) for one in named)
