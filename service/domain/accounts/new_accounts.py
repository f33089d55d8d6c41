"""Accounts that people open: sign-up."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from service.ambient import Ambient
from service.domain.accounts.accounts import Accounts
from service.domain.accounts.models import Invitation
from service.domain.accounts.registration import Registration
from service.domain.credentials import emails
from service.domain.credentials.api_keys import ApiKeys
from service.domain.events.security_events import Reason
from service.domain.limits.throttle import Throttle
from service.domain.models import User, Visitor
from service.domain.passwords.passwords import Passwords
from service.domain.sessions.address_proof import AddressProof
from service.domain.sessions.revocation import SessionRevocation
from service.domain.srp.verifiers import Verifiers
from service.errors import InvalidInvitationError


@dataclass(frozen=True, slots=True)
class NewAccount:
    """The fields of a sign-up, already validated."""

    email: str
    password: str
    first_name: str
    last_name: str
    language: str = ""  # of mails
    attributes: Mapping[str, str] = field(default_factory=dict)
    must_prove_address: bool = False
    invitation: str = ""  # the secret of one; looked at where it is needed, or given
    is_welcomed: bool = True  # by a mail; otherwise whoever signs up sends one


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccounts:
    accounts: Accounts
    registration: Registration
    revocation: SessionRevocation
    passwords: Passwords
    verifiers: Verifiers
    throttle: Throttle
    api_keys: ApiKeys
    ambient: Ambient
    address_proof: AddressProof

    async def sign_up(self, new: NewAccount, visitor: Visitor) -> tuple[User, str]:
        """The new account and its API key. Hashes before the look-up, so a taken address takes as long as a free one.

        Raises SignUpClosedError, InvalidInvitationError, EmailTakenError, OverloadedError, RateLimitedError or
        UnavailableError.
        """
        self.registration.require_open()
        canonical_email = emails.canonical(new.email)
        self.passwords.refuse_common("password", new.password, canonical_email)
        user_id = self.ambient.new_uuid()
        making = self.verifiers.make(user_id, new.password)
        with self.passwords.reserve(visitor, canonical_email) as place:
            await self.throttle.sign_up(visitor)
            invitation = await self.registration.admit(new.invitation, canonical_email)
            await self.revocation.require_complete()  # without Redis no session can follow: same rule for all
            password_hash = await self.passwords.hash(new.password, place, making)
        key, sealed, digest = self.api_keys.make(user_id)
        now = self.ambient.now()
        is_proved = invitation is not None and invitation.is_mailed  # who has the link reads the mails of the address
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
            language=new.language,
            email_verified_at=now if is_proved else None,
            must_prove_address=new.must_prove_address and not is_proved,
        )
        await self._add_new(user, digest, new, invitation)
        await self.verifiers.keep(making, now)
        if new.is_welcomed and not is_proved:
            await self.address_proof.welcome(user)
        return user, key.text

    async def _add_new(self, user: User, digest: bytes, new: NewAccount, invitation: Invitation | None) -> None:
        try:
            await self.accounts.add(
                user,
                digest,
                new.attributes,
                Reason.INVITED if invitation else Reason.NONE,
                invitation.id if invitation else None,
            )
        except InvalidInvitationError:  # used by somebody else since it was looked at
            raise self.registration.refusal(user.canonical_email) from None
