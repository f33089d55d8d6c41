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
from service.domain.recovery.attribute_updates import AttributeUpdates
from service.domain.recovery.code_mails import CodeMails
from service.domain.recovery.letters import ProofLetters
from service.domain.recovery.mail_secrets import MailSecrets
from service.domain.recovery.password_recovery import PasswordRecovery
from service.domain.recovery.proofs import Proofs
from service.domain.recovery.recovery import Recovery
from service.domain.recovery.sign_in_letters import SignInLetters
from service.domain.recovery.sign_ups import SignUps
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
        _code_mails(basis, sessions, posted, proofs),
    )
    verification, addresses = _verification(earlier), _address_changes(earlier)
    return Recovery(
        passwords=_password_recovery(earlier),
        verification=verification,
        addresses=addresses,
        letters=_letters(basis, proofs),
        secrets=proofs.secrets,
        sign_ups=_sign_ups(earlier, verification),
        attributes=_attributes(earlier, verification, addresses),
    )


def _code_mails(basis: Basis, sessions: SessionParts, posted: MailParts, proofs: Proofs) -> CodeMails:
    return CodeMails(
        mails=posted.mails,
        codes=proofs.codes,
        secrets=proofs.secrets,
        limits=sessions.mail_limits,
        ambient=basis.ambient,
        life=basis.settings.cognito.code_lifetime,
    )


def _letters(basis: Basis, proofs: Proofs) -> ProofLetters:
    life = basis.settings.cognito.session_lifetime
    sign_in = SignInLetters(users=proofs.users, secrets=proofs.secrets, life=life, ambient=basis.ambient)
    return ProofLetters(
        base_url=basis.settings.base_url,
        users=proofs.users,
        changes=basis.backends.email_changes,
        codes=proofs.codes,
        secrets=proofs.secrets,
        ambient=basis.ambient,
        others={Kind.SIGN_IN: sign_in.write},
    )


class Earlier(NamedTuple):
    """What the policies are made of."""

    basis: Basis
    credentials: Credentials
    sessions: SessionParts
    posted: MailParts
    asked: AccountParts
    proofs: Proofs
    aftermath: Aftermath
    code_mails: CodeMails


def _password_recovery(earlier: Earlier) -> PasswordRecovery:
    basis, credentials, sessions, posted, _, proofs, aftermath, code_mails = earlier
    return PasswordRecovery(
        users=proofs.users,
        proofs=proofs,
        code_mails=code_mails,
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
    basis, credentials, sessions, posted, asked, proofs, aftermath, _ = earlier
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
    basis, credentials, sessions, posted, asked, proofs, aftermath, _ = earlier
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


def _sign_ups(earlier: Earlier, verification: Verification) -> SignUps:
    address_proof = earlier.sessions.address_proof
    return SignUps(
        users=earlier.proofs.users,
        new_accounts=earlier.asked.new_accounts,
        proofs=earlier.proofs,
        verification=verification,
        code_mails=earlier.code_mails,
        mails=earlier.posted.mails,
        limits=earlier.proofs.limits,
        outages=OUTAGES,
        must_prove=earlier.basis.settings.cognito.confirm_signup or address_proof.is_required,
    )


def _attributes(earlier: Earlier, verification: Verification, addresses: AddressChanges) -> AttributeUpdates:
    return AttributeUpdates(
        store=earlier.basis.backends.profiles,
        users=earlier.proofs.users,
        changes=earlier.basis.backends.email_changes,
        accounts=earlier.asked.accounts,
        addresses=addresses,
        verification=verification,
        code_mails=earlier.code_mails,
        mails=earlier.posted.mails,
        limits=earlier.proofs.limits,
        ambient=earlier.basis.ambient,
        events=earlier.credentials.events,
    )
