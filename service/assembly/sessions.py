"""Login, refresh, revocation, and the limits on them."""

from dataclasses import dataclass

from service.ambient import Ambient
from service.assembly.backends import OUTAGES, Backends
from service.assembly.credentials import Credentials
from service.assembly.signing import Signing
from service.domain.limits.throttle import Throttle
from service.domain.sessions.ports import RefreshSessions
from service.domain.sessions.refresh_rotation import Rotation
from service.domain.sessions.revocation import Endings
from service.domain.sessions.sessions import Sessions
from service.domain.sessions.user_revocation import UserEndings
from service.settings import Settings
from service.stores.counters import RedisCounters
from service.stores.denylist import RedisDenylist
from service.stores.scripts import Scripts
from service.stores.sessions import RedisSessions


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsRoom:
    stored: RefreshSessions
    denylist: RedisDenylist
    throttle: Throttle
    endings: Endings
    rotation: Rotation
    user_endings: UserEndings
    sessions: Sessions


def build(
    settings: Settings, ambient: Ambient, backends: Backends, credentials: Credentials, signing: Signing
) -> SessionsRoom:
    events, scripts = credentials.events, Scripts(backends.redis, backends.servers.home_of)
    stored = RedisSessions(backends.redis, scripts, settings.tokens)
    denylist = RedisDenylist(backends.redis, backends.servers, ambient)
    throttle = Throttle(
        RedisCounters(backends.redis, scripts),
        settings.throttle,
        credentials.seals.pseudonym,
        settings.passwords.max_wait,
        events=events,
    )
    endings = Endings(
        backends.revocations, denylist, stored, settings.tokens, ambient, keys=backends.signing_keys, events=events
    )
    rotation = Rotation(stored, endings, credentials.seals, settings.tokens, ambient, events=events)
    sessions = Sessions(
        users=backends.users,
        stored=stored,
        rotation=rotation,
        endings=endings,
        passwords=credentials.passwords,
        throttle=throttle,
        tokens=signing.tokens,
        api_keys=credentials.api_keys,
        settings=settings.tokens,
        ambient=ambient,
        events=events,
    )
    return SessionsRoom(
        stored=stored,
        denylist=denylist,
        throttle=throttle,
        endings=endings,
        rotation=rotation,
        user_endings=UserEndings(backends.pending_endings, stored, endings, ambient, OUTAGES),
        sessions=sessions,
    )
