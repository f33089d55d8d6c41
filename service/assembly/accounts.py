"""Accounts, introspection, resource servers and the revocation feed."""

from dataclasses import dataclass

from service.ambient import Ambient
from service.assembly.backends import Backends
from service.assembly.credentials import Credentials
from service.assembly.sessions import SessionParts
from service.assembly.signing import Signing
from service.domain.accounts.accounts import Accounts
from service.domain.resource_servers.clients import ResourceServers
from service.domain.resource_servers.introspection import Introspection
from service.domain.resource_servers.revocation_feed import RevocationFeed
from service.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountParts:
    accounts: Accounts
    introspection: Introspection
    resource_servers: ResourceServers
    feed: RevocationFeed


def build(
    settings: Settings,
    ambient: Ambient,
    backends: Backends,
    *,
    credentials: Credentials,
    signing: Signing,
    sessions: SessionParts,
) -> AccountParts:
    events, seals = credentials.events, credentials.seals
    introspection = Introspection(
        users=backends.users,
        refresh_sessions=sessions.refresh_sessions,
        revocation=sessions.revocation,
        tokens=signing.tokens,
        throttle=sessions.throttle,
        settings=settings.tokens,
        ambient=ambient,
    )
    feed = RevocationFeed(
        backends.revocations, backends.signing_keys, signing.tokens, settings.tokens, ambient, seals=seals
    )
    return AccountParts(
        accounts=_accounts(settings, ambient, backends, credentials=credentials, signing=signing, sessions=sessions),
        introspection=introspection,
        resource_servers=ResourceServers(settings.introspection.clients, sessions.throttle, ambient, events),
        feed=feed,
    )


def _accounts(
    settings: Settings,
    ambient: Ambient,
    backends: Backends,
    *,
    credentials: Credentials,
    signing: Signing,
    sessions: SessionParts,
) -> Accounts:
    return Accounts(
        users=backends.users,
        revocation=sessions.revocation,
        user_revocation=sessions.user_revocation,
        passwords=credentials.passwords,
        throttle=sessions.throttle,
        api_keys=credentials.api_keys,
        keys=signing.keys,
        settings=settings.api_keys,
        ambient=ambient,
        events=credentials.events,
    )
