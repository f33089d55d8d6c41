"""Forgotten passwords, proofs of an address, and changes of it."""

from typing import NamedTuple

from service.assembly.accounts import AccountParts
from service.assembly.backends import OUTAGES, Basis
from service.assembly.credentials import Credentials
from service.assembly.mail import MailParts
from service.assembly.sessions import SessionParts
from service.domain.mail.models import Kind
from service.domain.recovery.address_changes import AddressChanges
from service.domain.recovery.aftermath import Aftermath
from service.domain.recovery.letters import ProofLetters
from service.domain.recovery.mail_secrets import MailSecrets
from service.domain.recovery.password_recovery import PasswordRecovery
from service.domain.recovery.proofs import Proofs
from service.domain.recovery.recovery import Recovery
from service.domain.recovery.sign_in_letters import SignInLetters
from service.domain.recovery.verification import Verification
from service.errors import UnavailableError
from service.stores.mail_codes import RedisMailCodes
from service.stores.scripts import Scripts


def build(
    basis: Basis, credentials: Credentials, sessions: SessionParts, posted: MailParts, asked: AccountParts
) -> Recovery:
    ambient, backends, events = basis.ambient, basis.backends, credentials.events
    codes = RedisMailCodes(backends.redis, Scripts(backends.redis, backends.servers.home_of))
    proofs = Proofs(
        users=backends.proved_users,
        codes=codes,
        secrets=MailSecrets(credentials.seals),
        limits=sessions.mail_limits,
        ambient=ambient,
        events=events,
    )
    earlier = Earlier(
        basis,
        credentials,
        sessions,
        posted,
        asked,
        proofs,
        Aftermath(user_revocation=sessions.user_revocation, codes=codes, outages=(*OUTAGES, UnavailableError)),
    )
    return Recovery(
        passwords=_password_recovery(earlier),
        verification=_verification(earlier),
        addresses=_address_changes(earlier),
        letters=ProofLetters(
            base_url=basis.settings.base_url,
            users=proofs.users,
            changes=backends.email_changes,
            codes=codes,
            secrets=proofs.secrets,
            ambient=ambient,
            others={Kind.SIGN_IN: _sign_in_letters(basis, proofs).write},
        ),
    )


def _sign_in_letters(basis: Basis, proofs: Proofs) -> SignInLetters:
    life = basis.settings.cognito.session_lifetime
    return SignInLetters(users=proofs.users, secrets=proofs.secrets, life=life, ambient=basis.ambient)


class Earlier(NamedTuple):
    """What the policies are made of."""

    basis: Basis
    credentials: Credentials
    sessions: SessionParts
    posted: MailParts
    asked: AccountParts
    proofs: Proofs
    aftermath: Aftermath


def _password_recovery(earlier: Earlier) -> PasswordRecovery:
    basis, credentials, sessions, posted, _, proofs, aftermath = earlier
    return PasswordRecovery(
        users=proofs.users,
        proofs=proofs,
        mails=posted.mails,
        limits=proofs.limits,
        notices=posted.notices,
        passwords=credentials.passwords,
        verifiers=credentials.verifiers,
        api_keys=credentials.api_keys,
        revocation=sessions.revocation,
        user_revocation=sessions.user_revocation,
        aftermath=aftermath,
        ambient=basis.ambient,
        events=credentials.events,
    )


def _verification(earlier: Earlier) -> Verification:
    basis, credentials, sessions, posted, asked, proofs, aftermath = earlier
    return Verification(
        users=proofs.users,
        accounts=asked.accounts,
        proofs=proofs,
        mails=posted.mails,
        limits=proofs.limits,
        passwords=credentials.passwords,
        throttle=sessions.throttle,
        aftermath=aftermath,
        ambient=basis.ambient,
        events=credentials.events,
    )


def _address_changes(earlier: Earlier) -> AddressChanges:
    basis, credentials, sessions, posted, asked, proofs, aftermath = earlier
    return AddressChanges(
        changes=basis.backends.email_changes,
        confirmation=asked.confirmation,
        accounts=asked.accounts,
        proofs=proofs,
        mails=posted.mails,
        limits=proofs.limits,
        notices=posted.notices,
        passwords=credentials.passwords,
        api_keys=credentials.api_keys,
        revocation=sessions.revocation,
        user_revocation=sessions.user_revocation,
        aftermath=aftermath,
        ambient=basis.ambient,
        events=credentials.events,
    )
