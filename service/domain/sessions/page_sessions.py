"""The sessions that browsers have with our pages: ordinary ones, whose token is a cookie."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from service.ambient import Ambient
from service.domain.events.security_events import Reason
from service.domain.models import PAGE, Caller, Claims, Session, User, Visitor
from service.domain.sessions.login import Login
from service.domain.sessions.models import SignedIn
from service.domain.sessions.ports import RefreshSessions, UserLookup
from service.domain.sessions.refresh_tokens import PageToken
from service.domain.sessions.revocation import SessionRevocation
from service.errors import InvalidCredentialsError, InvalidRefreshTokenError


class SignedInPage(NamedTuple):
    """Who asks for a page. `caller` is what domain methods take, as from an id token."""

    user: User
    session: Session
    caller: Caller


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSessions:
    """`login` opens sessions of this kind."""

    login: Login
    users: UserLookup
    refresh_sessions: RefreshSessions
    revocation: SessionRevocation
    ambient: Ambient

    async def find(self, cookie: str) -> SignedInPage | None:
        """The session of a cookie, which is not used by that. Raises UnavailableError or a store's outage."""
        token = _parsed(cookie)
        if token is None:
            return None
        session = await self.refresh_sessions.find(token.session_id, token.digest, self.ambient.now())
        if session is None or session.kind != PAGE:
            return None
        user, is_revoked = await asyncio.gather(
            self.users.by_id(session.user_id),
            self.revocation.is_revoked(session_id=session.id, token_id=session.id, key_id=""),
        )
        if is_revoked or user is None or user.disabled_at:
            return None
        return SignedInPage(user, session, _caller(user, session))

    async def use(self, cookie: str) -> None:
        """Restart the idle time."""
        if token := _parsed(cookie):
            await self.refresh_sessions.use(token.session_id, token.digest, self.ambient.now())

    async def renew(self, page: SignedInPage, visitor: Visitor) -> SignedIn:
        """A new session in place of this one, after a change of what the account is protected by: it has another id,
        and takes the account as it is now. Raises InvalidCredentialsError for an account that has changed meanwhile.
        """
        user = await self.users.by_id(page.user.id)
        if user is None:
            raise InvalidCredentialsError(Reason.CHANGED_MEANWHILE, user_id=page.user.id)
        renewed = await self.login.open_session(user, visitor, page.session.methods, InvalidCredentialsError, "")
        await self.end(page)
        return renewed

    async def end(self, page: SignedInPage) -> None:
        await self.revocation.end(page.user.id, [page.session.id], why=Reason.LOGOUT)


def _parsed(cookie: str) -> PageToken | None:
    with suppress(InvalidRefreshTokenError):
        return PageToken.parse(cookie)
    return None


def _caller(user: User, session: Session) -> Caller:
    return Caller(
        Claims(
            user_id=user.id,
            session_id=session.id,
            token_id="",  # there is no token
            key_id="",
            issued_at=session.started_at,
            expires_at=session.ends_at,
            email=user.email,
        )
    )
