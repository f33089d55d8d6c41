"""Refresh, logout, revocation, and the limits on them."""

from dataclasses import dataclass

from service.assembly.backends import OUTAGES, Basis
from service.assembly.credentials import Credentials
from service.assembly.mail import MailParts
from service.assembly.signing import Signing
from service.domain.limits.mail_limits import MailLimits
from service.domain.limits.password_limits import PasswordLimits
from service.domain.limits.throttle import Throttle
from service.domain.mail.notices import Notices
from service.domain.sessions.address_proof import AddressProof
from service.domain.sessions.ports import RefreshSessions
from service.domain.sessions.refresh_rotation import RefreshRotation
from service.domain.sessions.revocation import SessionRevocation
from service.domain.sessions.sessions import Sessions
from service.domain.sessions.user_revocation import UserRevocation
from service.operator_errors import ConfigurationError
from service.stores.counters import RedisCounters
from service.stores.denylist import RedisDenylist
from service.stores.scripts import Scripts
from service.stores.sessions import RedisSessions


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionParts:
    refresh_sessions: RefreshSessions
    denylist: RedisDenylist
    throttle: Throttle
    mail_limits: MailLimits
    password_limits: PasswordLimits
    address_proof: AddressProof
    notices: Notices
    revocation: SessionRevocation
    rotation: RefreshRotation
    user_revocation: UserRevocation
    sessions: Sessions


def build(basis: Basis, credentials: Credentials, signing: Signing, mail: MailParts) -> SessionParts:
    """Raises ConfigurationError when a proof of the address is required that no mail can ask for."""
    settings, ambient, backends = basis
    events, scripts = credentials.events, Scripts(backends.redis, backends.servers.home_of)
    refresh_sessions = RedisSessions(backends.redis, scripts, settings.tokens, settings.pages)
    denylist = RedisDenylist(backends.redis, backends.servers, ambient)
    throttle = _throttle(basis, credentials, scripts)
    of_accounts = throttle, settings.throttle, credentials.seals.pseudonym
    mail_limits = MailLimits(*of_accounts)
    revocation = _revocation(basis, credentials, denylist, refresh_sessions)
    tell_owner = mail.notices.tell_owner
    rotation = RefreshRotation(
        refresh_sessions, revocation, credentials.seals, settings.tokens, ambient, events=events, tell_owner=tell_owner
    )
    return SessionParts(
        sessions=Sessions(
            users=backends.users,
            refresh_sessions=refresh_sessions,
            rotation=rotation,
            revocation=revocation,
            throttle=throttle,
            tokens=signing.tokens,
            settings=settings.tokens,
            ambient=ambient,
            events=events,
        ),
        refresh_sessions=refresh_sessions,
        denylist=denylist,
        throttle=throttle,
        mail_limits=mail_limits,
        password_limits=PasswordLimits(*of_accounts),
        notices=mail.notices,
        address_proof=_address_proof(basis, credentials, mail, mail_limits),
        revocation=revocation,
        rotation=rotation,
        user_revocation=UserRevocation(backends.pending_revocations, refresh_sessions, revocation, ambient, OUTAGES),
    )


def _revocation(
    basis: Basis, credentials: Credentials, denylist: RedisDenylist, refresh_sessions: RefreshSessions
) -> SessionRevocation:
    return SessionRevocation(
        basis.backends.revocations,
        denylist,
        refresh_sessions,
        basis.settings.tokens,
        basis.ambient,
        keys=basis.backends.signing_keys,
        events=credentials.events,
        clock=credentials.clock,
    )


def _address_proof(basis: Basis, credentials: Credentials, mail: MailParts, mail_limits: MailLimits) -> AddressProof:
    is_required = basis.settings.mail.verification == "required"
    if is_required and not mail.mails.is_configured:
        raise ConfigurationError(
            "mail.verification is required, but there is no mail: set mail.url, or mail.verification to optional"
        )
    return AddressProof(
        mails=mail.mails,
        limits=mail_limits,
        events=credentials.events,
        is_required=is_required,
        code_life=basis.settings.cognito.code_lifetime,
        ambient=basis.ambient,
        outages=OUTAGES,
    )


def _throttle(basis: Basis, credentials: Credentials, scripts: Scripts) -> Throttle:
    return Throttle(
        RedisCounters(basis.backends.redis, scripts),
        basis.settings.throttle,
        credentials.seals.pseudonym,
        basis.settings.passwords.max_wait,
        events=credentials.events,
    )
