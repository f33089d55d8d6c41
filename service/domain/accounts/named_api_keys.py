"""API keys besides the one of the account: named, shown once, with an expiry, scopes and a rate of their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from service.ambient import Ambient
from service.broken_fields import BrokenField, FieldCode
from service.domain.accounts.confirmation import Confirmation
from service.domain.accounts.named_key_uses import NamedKeyUses
from service.domain.accounts.ports import NamedApiKeyStore
from service.domain.credentials.api_keys import NamedKey
from service.domain.events.security_events import Event, Events, Name, Outcome, Reason
from service.domain.limits.throttle import Throttle
from service.domain.mail.notices import Notice, Notices
from service.domain.models import Caller, Member, NamedApiKey, User, Visitor
from service.domain.second_factors.models import Proof
from service.domain.sessions.address_proof import AddressProof
from service.errors import ApiKeyNotFoundError, InvalidFieldsError, InvalidTokenError, TooManyError
from service.settings import Rate

MOST = 50  # of one user
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=3650)  # until it expires


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedKey:
    """What the owner asks for; already validated, but for the expiry, which the clock judges."""

    name: str
    scopes: tuple[str, ...] = ()
    rate: str | None = None
    expires_in: timedelta | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedApiKeys:
    store: NamedApiKeyStore
    uses: NamedKeyUses
    confirmation: Confirmation
    address_proof: AddressProof
    throttle: Throttle
    notices: Notices
    ambient: Ambient
    events: Events

    async def make(self, caller: Caller, wanted: WantedKey, proof: Proof, visitor: Visitor) -> tuple[NamedApiKey, str]:
        """The new key of the caller, and its text.

        Raises InvalidFieldsError or TooManyError, or as `Confirmation.require_factor` does.
        """
        expires_at = self._expiry(wanted)
        user = await self.confirmation.require_factor(caller, proof, visitor)
        await self.throttle.api_key_rotation(visitor, caller.user_id)
        text = NamedKey.make(self.ambient)
        key = NamedApiKey(
            id=self.ambient.new_uuid(),
            user_id=user.id,
            name=wanted.name,
            prefix=text.beginning,
            scopes=wanted.scopes,
            rate=wanted.rate,
            created_at=self.ambient.now(),
            expires_at=expires_at,
        )
        if not await self.store.add(key, text.digest, MOST, session_id=caller.session_id):
            raise TooManyError(user_id=user.id, session_id=caller.session_id)
        self._emit(Name.TOKEN_CREATED, Reason.API_KEY_CREATED, caller)
        await self.notices.tell(user, Notice.API_KEY_CREATED, visitor)
        return key, text.text

    async def all_of(self, caller: Caller) -> Sequence[NamedApiKey]:
        """The oldest first, expired ones among them."""
        return await self.store.all_of(caller.user_id)

    async def end(self, caller: Caller, key_id: str) -> None:
        """Raises ApiKeyNotFoundError for whatever is no key of the caller's."""
        try:
            known = UUID(key_id)
        except ValueError:
            raise ApiKeyNotFoundError from None
        if not await self.store.remove(caller.user_id, known):
            raise ApiKeyNotFoundError(user_id=caller.user_id, session_id=caller.session_id)
        self._emit(Name.TOKEN_REVOKED, Reason.API_KEY_ENDED, caller)

    async def by_api_key(self, text: str, visitor: Visitor) -> Member:
        """Raises as `Accounts.by_api_key` does; an expired key is refused as an unknown one is."""
        key = NamedKey.parse(text)
        found = await self.store.by_digest(key.digest) if key else None
        why, user_id = Reason.UNKNOWN_API_KEY, None
        if found:
            held, user = found
            now = self.ambient.now()
            why, user_id = self._why_not(held, user, now), user.id
            if not why:
                self.uses.note(held, now)
                return Member(user.id, user.email, user, held)
        self.events.emit(Event(Name.REFUSED, Outcome.FAILURE, why, user_id))
        await self.throttle.unknown_api_key(visitor)
        raise InvalidTokenError(why, user_id=user_id)

    async def count_use(self, member: Member) -> None:
        """Of a key with a rate of its own. Raises RateLimitedError."""
        if (key := member.named_key) and key.rate:
            await self.throttle.api_key_use(key.id, Rate.of(key.rate))

    def _why_not(self, key: NamedApiKey, user: User, now: datetime) -> Reason:
        if user.disabled_at:
            return Reason.DISABLED
        if key.expires_at and key.expires_at <= now:
            return Reason.EXPIRED_API_KEY
        return Reason.NONE if self.address_proof.admits(user) else Reason.EMAIL_NOT_VERIFIED

    def _expiry(self, wanted: WantedKey) -> datetime | None:
        """Raises InvalidFieldsError."""
        now, field, at = self.ambient.now(), "expiresAt", wanted.expires_at
        if wanted.expires_in is not None:
            if at is not None:
                message = "send one of expiresIn and expiresAt"
                raise InvalidFieldsError([BrokenField(field, FieldCode.OUT_OF_RANGE, message)])
            field, at = "expiresIn", now + wanted.expires_in
        if at is None:
            return None
        if not now + SHORTEST <= at <= now + LONGEST:
            message = "must be at least a minute and at most ten years from now"
            raise InvalidFieldsError([BrokenField(field, FieldCode.OUT_OF_RANGE, message)])
        return at

    def _emit(self, name: Name, reason: Reason, caller: Caller) -> None:
        self.events.emit(Event(name, reason=reason, user_id=caller.user_id, session_id=caller.session_id))
