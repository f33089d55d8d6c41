"""Accounts that operators open."""

from dataclasses import dataclass

from service.ambient import Ambient
from service.domain.accounts.accounts import Accounts
from service.domain.administration.models import NewUser
from service.domain.credentials import emails
from service.domain.credentials.api_keys import ApiKeys
from service.domain.events.security_events import Reason
from service.domain.mail.mails import Mails
from service.domain.mail.notices import Notice, Notices
from service.domain.models import User, Visitor
from service.domain.passwords.passwords import Passwords
from service.domain.sessions.address_proof import AddressProof
from service.domain.srp.verifiers import Making, Verifiers


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUsers:
    accounts: Accounts
    passwords: Passwords
    verifiers: Verifiers
    api_keys: ApiKeys
    mails: Mails
    notices: Notices
    address_proof: AddressProof
    ambient: Ambient

    async def open(self, new: NewUser, visitor: Visitor) -> User:
        """Nobody is shown its API key: the user gets it at the first login. Raises as `Administration.create` does."""
        if new.is_invited:
            self.mails.require_configured()
        canonical_email = emails.canonical(new.email)
        user_id, making, password_hash = new.id or self.ambient.new_uuid(), None, new.password_hash
        if new.password is not None:
            self.passwords.refuse_common("password", new.password, canonical_email)
            making = self.verifiers.make(user_id, new.password)
            password_hash = await self._hash(new.password, making, visitor, canonical_email)
        _, sealed, digest = self.api_keys.make(user_id)
        now = self.ambient.now()
        user = User(
            id=user_id,
            email=new.email,
            canonical_email=canonical_email,
            first_name=new.first_name,
            last_name=new.last_name,
            password_hash=password_hash,
            api_key_sealed=sealed,
            created_at=now,
            password_changed_at=now,
            email_verified_at=now if new.email_verified else None,
            groups=tuple(sorted({*new.groups})),
            claims=new.claims,
        )
        await self.accounts.add(user, digest, {}, Reason.BY_OPERATOR)
        await self.verifiers.keep(making, now)
        if not new.is_invited:
            await self._tell(user)
        return user

    async def _hash(self, password: str, making: Making | None, visitor: Visitor, canonical_email: str) -> str:
        with self.passwords.reserve(visitor, canonical_email) as place:
            return await self.passwords.hash(password, place, making)

    async def _tell(self, user: User) -> None:
        if user.email_verified_at:
            await self.notices.tell(user, Notice.BY_OPERATOR)
        else:
            await self.address_proof.welcome(user)
