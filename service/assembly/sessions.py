"""Refresh, logout, revocation, and the limits on them."""

from dataclasses import dataclass

from service.assembly.backends import OUTAGES, Basis
from service.assembly.credentials import Credentials
from service.assembly.mail import MailParts
from service.assembly.signing import Signing
from service.domain.limits.throttle import Throttle
from service.domain.sessions.ports import RefreshSessions
from service.domain.sessions.refresh_rotation import RefreshRotation
from service.domain.sessions.revocation import SessionRevocation
from service.domain.sessions.sessions import Sessions
from service.domain.sessions.user_revocation import UserRevocation
from service.stores.counters import RedisCounters
from service.stores.denylist import RedisDenylist
from service.stores.scripts import Scripts
from service.stores.sessions import RedisSessions


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionParts:
    refresh_sessions: RefreshSessions
    denylist: RedisDenylist
    throttle: Throttle
    revocation: SessionRevocation
    rotation: RefreshRotation
    user_revocation: UserRevocation
    sessions: Sessions


def build(basis: Basis, credentials: Credentials, signing: Signing, mail: MailParts) -> SessionParts:
    settings, ambient, backends = basis
    events, scripts = credentials.events, Scripts(backends.redis, backends.servers.home_of)
    refresh_sessions = RedisSessions(backends.redis, scripts, settings.tokens)
    denylist = RedisDenylist(backends.redis, backends.servers, ambient)
    throttle = _throttle(basis, credentials, scripts)
    revocation = SessionRevocation(
        backends.revocations,
        denylist,
        refresh_sessions,
        settings.tokens,
        ambient,
        keys=backends.signing_keys,
        events=events,
        clock=credentials.clock,
    )
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
        revocation=revocation,
        rotation=rotation,
        user_revocation=UserRevocation(backends.pending_revocations, refresh_sessions, revocation, ambient, OUTAGES),
    )


def _throttle(basis: Basis, credentials: Credentials, scripts: Scripts) -> Throttle:
    return Throttle(
        RedisCounters(basis.backends.redis, scripts),
        basis.settings.throttle,
        credentials.seals.pseudonym,
        basis.settings.passwords.max_wait,
        events=credentials.events,
    )
