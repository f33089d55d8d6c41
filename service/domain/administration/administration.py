"""What operators and their programs do to accounts. Each change names its actor in its events, and tells the user.

Nothing here reads or sets a secret of an account that is there, opens a session, or makes anybody an operator.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from service.broken_fields import BrokenField, FieldCode
from service.domain.accounts import account_claims, groups
from service.domain.accounts.accounts import Accounts
from service.domain.accounts.factors import Factors
from service.domain.accounts.ports import NamedApiKeyStore
from service.domain.administration.models import Most, NewUser, UserChange, UserPage
from service.domain.administration.new_users import NewUsers
from service.domain.administration.ports import UserDirectory
from service.domain.events.security_events import Event, Events, Name, Reason, acting
from service.domain.mail.mails import Mails
from service.domain.mail.models import Kind, Wish
from service.domain.mail.notices import Notice, Notices
from service.domain.models import NamedApiKey, Session, User, Visitor
from service.domain.second_factors.models import HeldFactors
from service.domain.sessions.ports import UserLookup
from service.domain.sessions.sessions import Sessions
from service.errors import AuthError, InvalidFieldsError, TooManyError, UserNotFoundError

AT_A_COMMAND = Visitor("local")
MOST = Most(groups.MOST, groups.MOST_BYTES, account_claims.MOST_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Administration:
    """`actor` is who asks: `token:NAME`, `user:ID` or an operator's name. Raises UserNotFoundError for an id that no
    account has.
    """

    directory: UserDirectory
    lookup: UserLookup
    new_users: NewUsers
    accounts: Accounts
    factors: Factors
    live_sessions: Sessions
    named_keys: NamedApiKeyStore
    mails: Mails
    notices: Notices
    events: Events

    async def users(self, prefix: str, after: str, limit: int) -> UserPage:
        """Those whose canonical address begins with `prefix` and comes behind `after`, in the order of its bytes."""
        found = list(await self.directory.page(prefix, after, limit + 1))
        return UserPage(found[:limit], is_last=len(found) <= limit)

    async def user(self, user_id: UUID) -> User:
        if user := await self.lookup.by_id(user_id):
            return user
        raise UserNotFoundError

    async def create(self, new: NewUser, actor: str, visitor: Visitor = AT_A_COMMAND) -> User:
        """Raises EmailTakenError, IdTakenError, InvalidFieldsError, NotConfiguredError, OverloadedError or
        UnavailableError.
        """
        with acting(actor):
            user = await self.new_users.open(new, visitor)
            if new.is_invited:
                await self._send_reset(user)
            return user

    async def change(self, user_id: UUID, change: UserChange, actor: str) -> User:
        """All of it or nothing. Raises TooManyError or InvalidFieldsError for more groups, or more claims, than an
        account may have.
        """
        before = await self.user(user_id)
        with acting(actor):
            after = await self.directory.change(user_id, change, MOST)
            if after is None:
                raise _refusal(await self.user(user_id), change)  # or it is gone
            changed = list(_differences(before, after))
            for why in changed:
                self._emit(user_id, why)
            if changed:
                await self.notices.tell(after, Notice.BY_OPERATOR)
            return after

    async def disable(self, user_id: UUID, actor: str) -> None:
        """Ends every session. Raises a store's outage: then the sessions end within seconds."""
        user = await self.user(user_id)
        with acting(actor):
            await self.accounts.disable_user(user)

    async def enable(self, user_id: UUID, actor: str) -> None:
        user = await self.user(user_id)
        with acting(actor):
            await self.accounts.enable_user(user)

    async def send_reset(self, user_id: UUID, actor: str) -> None:
        """A mail with which the user sets another password. Raises NotConfiguredError."""
        self.mails.require_configured()
        user = await self.user(user_id)
        with acting(actor):
            await self._send_reset(user)

    async def remove_factors(self, user_id: UUID, actor: str) -> bool:
        """For a user who is locked out; False without any. Every session ends, also of who asks again after an outage,
        when the factors may be gone and the sessions not yet.
        """
        user = await self.user(user_id)
        with acting(actor):
            if not (is_removed := await self.factors.remove_all_of(user)):
                await self.accounts.user_revocation.end(user.id, Reason.BY_OPERATOR)
            return is_removed

    async def delete(self, user_id: UUID, actor: str) -> None:
        user = await self.user(user_id)
        with acting(actor):
            await self.accounts.remove(user)

    async def sessions(self, user_id: UUID) -> Sequence[Session]:
        """The live ones, the oldest first."""
        return await self.live_sessions.of_user((await self.user(user_id)).id)

    async def held_factors(self, user: User) -> HeldFactors:
        return await self.factors.second_factors.held_by(user)

    async def api_keys(self, user: User) -> Sequence[NamedApiKey]:
        """The named ones, of which only their beginnings are known. The oldest first, expired ones among them."""
        return await self.named_keys.all_of(user.id)

    async def end_session(self, user_id: UUID, session_id: str, actor: str) -> None:
        """Raises SessionNotFoundError."""
        user = await self.user(user_id)
        with acting(actor):
            await self.live_sessions.end_one_of(user_id, session_id)
            await self.notices.tell(user, Notice.BY_OPERATOR)

    async def end_sessions(self, user_id: UUID, actor: str) -> int:
        """How many have ended."""
        user = await self.user(user_id)
        with acting(actor):
            return await self.accounts.end_sessions_of(user)

    async def _send_reset(self, user: User) -> None:
        """The worker counts it among the mails to this address."""
        wish = Wish(kind=Kind.RESET, recipient=user.canonical_email, user_id=user.id, language=user.language)
        await self.mails.wish(wish)
        self._emit(user.id, Reason.RESET_SENT)

    def _emit(self, user_id: UUID, why: Reason) -> None:
        self.events.emit(Event(Name.USER_UPDATED, reason=why, user_id=user_id))


def _differences(before: User, after: User) -> Iterator[Reason]:
    if (after.first_name, after.last_name) != (before.first_name, before.last_name):
        yield Reason.NAMES_CHANGED
    if after.groups != before.groups:
        yield Reason.GROUPS_CHANGED
    if account_claims.read(after.claims) != account_claims.read(before.claims):
        yield Reason.CLAIMS_CHANGED


def _refusal(user: User, change: UserChange) -> AuthError:
    if not groups.fit({*user.groups, *change.added_groups} - {*change.removed_groups}, user.groups):
        return TooManyError(user_id=user.id)
    return InvalidFieldsError([BrokenField("claims", FieldCode.INVALID_CLAIMS, account_claims.TOO_LARGE)])
