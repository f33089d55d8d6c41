"""Token introspection (RFC 7662), and revocation of a presented token's session (RFC 7009).

Authlib's endpoint classes do all their steps in one synchronous call, look-ups included, which would block the event
loop. Only the step without I/O is used: the rule for the response to an inactive token. Its parameter check refuses
unknown hints, which RFC 7009 section 2.2 wants ignored; its revocation has no other step without I/O.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from authlib.oauth2.rfc7662 import IntrospectionEndpoint

from service.ambient import Ambient
from service.domain.events.security_events import Reason
from service.domain.limits.throttle import Throttle
from service.domain.models import Claims, Session, Visitor
from service.domain.sessions.ports import RefreshSessions, UserLookup
from service.domain.sessions.refresh_tokens import RefreshToken
from service.domain.sessions.revocation import SessionRevocation
from service.domain.signing.token_claims import Use
from service.domain.signing.tokens import SCOPE, Tokens
from service.errors import InvalidRefreshTokenError, InvalidTokenError
from service.settings import TokenSettings

Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shown:
    """A token of ours that has not expired, and its introspection response."""

    user_id: UUID
    session_id: str
    facts: Facts
    token_id: str = ""
    key_id: str = ""
    over: bool = False

    def is_expired(self) -> bool:
        return False

    def is_revoked(self) -> bool:
        return self.over


class AuthlibIntrospection(IntrospectionEndpoint):
    def introspect_token(self, token: Shown) -> Facts:
        return token.facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Introspection:
    """Neither call needs `token_type_hint`: the kind of a token follows from its shape."""

    users: UserLookup
    refresh_sessions: RefreshSessions
    revocation: SessionRevocation
    tokens: Tokens
    throttle: Throttle
    settings: TokenSettings
    ambient: Ambient

    async def introspect(self, text: str) -> Facts:
        """The response of RFC 7662 section 2.2; for all but live tokens of live accounts, only `active`, false.

        An API key is no token. Raises UnavailableError, or a store's outage, if the state is not known.
        """
        shown = await self._find(text)
        if shown is not None:
            user, over = await asyncio.gather(self.users.by_id(shown.user_id), self._is_over(shown))
            if over or user is None or user.disabled_at:
                shown = None
        facts: Facts = AuthlibIntrospection(None).create_introspection_payload(shown)  # type: ignore[no-untyped-call] # not in its stubs
        return facts

    async def revoke(self, text: str, visitor: Visitor) -> None:
        """Revoke the token's session. Anything but a live token of ours changes nothing (RFC 7009 section 2.2).

        It still counts as an unknown refresh token, so that tokens cannot be guessed here instead of there.

        A token already revoked, or signed with a denied key, changes nothing: the holder of a leaked key must not be
        able to end the sessions of others. Raises RateLimitedError, or UnavailableError: the wait for a turn timed out,
        or the revocation may not hold yet.
        """
        async with self.throttle.looking_up(visitor):
            shown = await self._find(text)
        if shown is None:
            await self.throttle.unknown_refresh_token(visitor)
        elif not shown.token_id or not await self._is_over(shown):  # the end of a session may have been left half done
            await self.revocation.end(shown.user_id, [shown.session_id], why=Reason.REVOKED)

    async def _is_over(self, shown: Shown) -> bool:
        if not shown.token_id:  # a refresh token outlives the denial of its session
            return await self.revocation.was_revoked(shown.session_id)
        return await self.revocation.is_revoked(
            session_id=shown.session_id, token_id=shown.token_id, key_id=shown.key_id
        )

    async def _find(self, text: str) -> Shown | None:
        try:
            token = RefreshToken.parse(text)
        except InvalidRefreshTokenError:
            return await self._signed(text)
        session = await self.refresh_sessions.find(token.session_id, token.digest, self.ambient.now())
        return self._refresh_token(session) if session and self._takes(session.client_id) else None

    def _takes(self, client_id: str) -> bool:
        return not client_id or client_id in self.settings.accepted_clients

    async def _signed(self, text: str) -> Shown | None:
        for use in (Use.ACCESS, Use.ID):
            try:
                claims = await self.tokens.accept(text, use)
            except InvalidTokenError:
                continue
            return self._jwt(claims, use) if self._takes(claims.client_id) else None
        return None

    def _jwt(self, claims: Claims, use: Use) -> Shown:
        of_its_kind = {"scope": SCOPE} if use is Use.ACCESS else {"aud": self._named(claims.client_id)}
        facts = self._facts(claims, claims.session_id, claims.issued_at, claims.expires_at) | of_its_kind
        facts |= {"token_type": "Bearer", "jti": claims.token_id, "token_use": use.value}
        return Shown(claims.user_id, claims.session_id, facts, claims.token_id, claims.key_id)

    def _refresh_token(self, session: Session) -> Shown:
        ends_at = min(session.ends_at, session.last_used_at + self.settings.idle_lifetime)
        facts = self._facts(session, session.id, session.started_at, ends_at)
        return Shown(session.user_id, session.id, facts | {"token_use": "refresh"})

    def _named(self, client_id: str) -> str:
        return client_id or self.settings.client_id

    def _facts(self, of: Claims | Session, session_id: str, issued_at: datetime, expires_at: datetime) -> Facts:
        return {
            "iss": self.settings.issuer,
            "client_id": self._named(of.client_id),
            "sub": str(of.user_id),
            "username": str(of.user_id),
            "iat": int(issued_at.timestamp()),
            "exp": int(expires_at.timestamp()),
            "origin_jti": session_id,
        }
