"""Refresh, logout, and the list of a user's sessions."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from service.ambient import Ambient
from service.domain.events.security_events import Event, Events, Name, Outcome, Reason
from service.domain.limits.throttle import Throttle
from service.domain.models import Caller, Claims, Session, User, Visitor
from service.domain.sessions.models import Refreshed, Revocation
from service.domain.sessions.ports import RefreshSessions, UserLookup
from service.domain.sessions.refresh_rotation import RefreshRotation, UnrecognisedTokenError
from service.domain.sessions.refresh_tokens import RefreshToken
from service.domain.sessions.revocation import SessionRevocation
from service.domain.signing.token_claims import Use
from service.domain.signing.tokens import Tokens
from service.errors import (
    InvalidAccessTokenError,
    InvalidClientError,
    InvalidRefreshTokenError,
    InvalidTokenError,
    SessionNotFoundError,
    TokenMismatchError,
)
from service.faults import Fault
from service.settings import TokenSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    users: UserLookup
    refresh_sessions: RefreshSessions
    rotation: RefreshRotation
    revocation: SessionRevocation
    throttle: Throttle
    tokens: Tokens
    settings: TokenSettings
    ambient: Ambient
    events: Events

    async def refresh(self, text: str, visitor: Visitor, client_id: str = "") -> Refreshed:
        """New id and access tokens for a live session of the client. Raises InvalidRefreshTokenError for all else."""
        try:
            token = RefreshToken.parse(text)
            async with self.throttle.refresh(visitor, token.text):
                # Before the token is used up: an outage must not make a legitimate retry look like theft.
                key_is_good = self.revocation.require_good_key(self.tokens)
                ended, _ = await asyncio.gather(self.revocation.was_revoked(token.session_id), key_is_good)
                if ended:
                    raise InvalidRefreshTokenError(Reason.SESSION_ENDED, session_id=token.session_id)  # noqa: TRY301 - every refusal here is counted below
                session, successor = await self._use(token, visitor, client_id)
        except InvalidRefreshTokenError as error:
            facts = error.why, error.user_id, error.session_id
            self.events.emit(Event(Name.RENEWED, Outcome.FAILURE, *facts))
            await self.throttle.unknown_refresh_token(visitor)
            why = error.why
            if isinstance(error, UnrecognisedTokenError) and await self.rotation.check_for_reuse(error, visitor):
                why = Reason.REUSED
            raise InvalidRefreshTokenError(why, user_id=error.user_id, session_id=error.session_id) from None
        user = await self.users.by_id(session.user_id)
        if user is None or user.disabled_at:
            self.events.emit(Event(Name.RENEWED, Outcome.FAILURE, Reason.DISABLED, session.user_id, session.id))
            raise InvalidRefreshTokenError(Reason.DISABLED, user_id=session.user_id, session_id=session.id)
        renewed = Refreshed(await self.tokens.issue(user, session), successor.text if successor else None)
        self.events.emit(Event(Name.RENEWED, user_id=user.id, session_id=session.id))
        return renewed

    async def user_of(self, refresh_token: str, visitor: Visitor, client_id: str = "") -> User | None:
        """Whose session of this client the token names, be it spent or made up: it is neither checked nor used up."""
        try:
            token = RefreshToken.parse(refresh_token)
        except InvalidRefreshTokenError:
            return None
        async with self.throttle.looking_up(visitor):
            session = await self.refresh_sessions.on_record(token.session_id)
        return await self.users.by_id(session.user_id) if session and session.client_id == client_id else None

    async def end_by_refresh_token(self, text: str, visitor: Visitor, client_id: str = "") -> None:
        """End the session of this client's refresh token. What is no live one changes nothing.

        A session whose end was begun has its record until it is done: then it is ended once more. Raises
        InvalidClientError for a token of another client, RateLimitedError or UnavailableError.
        """
        session = await self._session_of(text, visitor)
        if session is None:
            await self.throttle.unknown_refresh_token(visitor)
            return
        if session.client_id != client_id:
            raise InvalidClientError(Fault.OTHER_CLIENT, user_id=session.user_id, session_id=session.id)
        await self.revocation.end(session.user_id, [session.id], why=Reason.LOGOUT)

    async def _session_of(self, refresh_token: str, visitor: Visitor) -> Session | None:
        try:
            token = RefreshToken.parse(refresh_token)
        except InvalidRefreshTokenError:
            return None
        async with self.throttle.looking_up(visitor):
            return await self.refresh_sessions.find(token.session_id, token.digest, self.ambient.now())

    async def authenticate(self, id_token: str) -> Caller:
        """The caller that this id token identifies. Raises InvalidTokenError."""
        claims = await self.tokens.accept(id_token, Use.ID)
        if claims.client_id and claims.client_id not in self.settings.accepted_clients:
            raise InvalidTokenError(Fault.OTHER_CLIENT, user_id=claims.user_id, session_id=claims.session_id)
        return await self._unless_revoked(claims)

    async def authenticate_access(self, access_token: str) -> Caller:
        """As `authenticate`, by an access token of any app client."""
        return await self._unless_revoked(await self.tokens.accept(access_token, Use.ACCESS))

    async def _unless_revoked(self, claims: Claims) -> Caller:
        if await self.revocation.is_revoked(
            session_id=claims.session_id, token_id=claims.token_id, key_id=claims.key_id
        ):
            raise InvalidTokenError(Fault.REVOKED, user_id=claims.user_id, session_id=claims.session_id)
        return Caller(claims)

    async def logout(self, caller: Caller, access_token: str) -> None:
        """End the caller's session. The access token must belong to the same session; it may have expired."""
        try:
            access = await self.tokens.accept(access_token, Use.ACCESS, even_expired=True)
        except InvalidTokenError as error:
            raise InvalidAccessTokenError(error.why, user_id=caller.user_id, session_id=caller.session_id) from None
        if (access.session_id, access.user_id) != (caller.session_id, caller.user_id):
            raise TokenMismatchError(user_id=caller.user_id, session_id=caller.session_id)
        await self.revocation.end(caller.user_id, [caller.session_id], [caller.claims, access], why=Reason.LOGOUT)

    async def all_of(self, caller: Caller) -> list[Session]:
        """The caller's live sessions, the oldest first."""
        return await self.of_user(caller.user_id)

    async def of_user(self, user_id: UUID) -> list[Session]:
        held = await self.refresh_sessions.all_of(user_id, self.ambient.now())
        ended = await asyncio.gather(*(self.revocation.was_revoked(one.id) for one in held))
        return [one for one, is_revoked in zip(held, ended, strict=True) if not is_revoked]

    def ended(self, caller: Caller) -> AsyncIterator[Sequence[Revocation]]:
        """The caller's revoked sessions that are still on record, page by page."""
        return self.revocation.of_user(caller.user_id)

    async def ids(self, caller: Caller) -> set[str]:
        """All sessions that may have an unexpired token, refreshable or not, always including the caller's own."""
        return {*await self.refresh_sessions.ids_of(caller.user_id), caller.session_id}

    async def end_one(self, caller: Caller, session_id: str) -> None:
        """End one of the caller's sessions, current or not. Raises SessionNotFoundError for any other id."""
        if session_id not in await self.ids(caller):
            raise SessionNotFoundError
        await self.revocation.end(caller.user_id, [session_id], why=Reason.BY_USER)

    async def end_one_of(self, user_id: UUID, session_id: str) -> None:
        """For an operator. Raises SessionNotFoundError for whatever is no session of the user's."""
        if session_id not in await self.refresh_sessions.ids_of(user_id):
            raise SessionNotFoundError(user_id=user_id)
        await self.revocation.end(user_id, [session_id], why=Reason.BY_OPERATOR)

    async def end_others(self, caller: Caller) -> None:
        await self.revocation.end(caller.user_id, await self.ids(caller) - {caller.session_id}, why=Reason.BY_USER)

    async def end_all(self, caller: Caller) -> None:
        """Log out everywhere, including the current session."""
        await self.revocation.end(caller.user_id, await self.ids(caller), why=Reason.BY_USER)

    async def _use(self, token: RefreshToken, visitor: Visitor, client_id: str) -> tuple[Session, RefreshToken | None]:
        if self.settings.refresh_rotation:
            return await self.rotation.use(token, visitor, client_id)
        session = await self.refresh_sessions.use(token.session_id, token.digest, self.ambient.now(), client_id)
        if session is None:
            raise InvalidRefreshTokenError
        return session, None
