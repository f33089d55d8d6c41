"""The login policy and its parts."""

from service.ambient import Ambient
from service.assembly.backends import Backends
from service.assembly.credentials import Credentials
from service.assembly.sessions import SessionParts
from service.assembly.signing import Signing
from service.domain.sessions.login import Login
from service.settings import Settings


def build(
    settings: Settings,
    ambient: Ambient,
    backends: Backends,
    *,
    credentials: Credentials,
    signing: Signing,
    sessions: SessionParts,
) -> Login:
    return Login(
        users=backends.users,
        refresh_sessions=sessions.refresh_sessions,
        revocation=sessions.revocation,
        passwords=credentials.passwords,
        throttle=sessions.throttle,
        tokens=signing.tokens,
        api_keys=credentials.api_keys,
        settings=settings.tokens,
        ambient=ambient,
        events=credentials.events,
    )
