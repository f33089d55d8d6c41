"""Accounts, and what other services ask about their tokens."""

from dataclasses import dataclass

from service.ambient import Ambient
from service.assembly.backends import Backends
from service.assembly.credentials import Credentials
from service.assembly.sessions import SessionsRoom
from service.assembly.signing import Signing
from service.domain.accounts.accounts import Accounts
from service.domain.resource_servers.clients import ResourceServers
from service.domain.resource_servers.introspection import Introspection
from service.domain.resource_servers.revocation_feed import RevocationFeed
from service.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsRoom:
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
    room: SessionsRoom,
) -> AccountsRoom:
    accounts = Accounts(
        users=backends.users,
        revocation=room.revocation,
        user_revocation=room.user_revocation,
        passwords=credentials.passwords,
        throttle=room.throttle,
        api_keys=credentials.api_keys,
        keys=signing.keys,
        settings=settings.api_keys,
        ambient=ambient,
        events=credentials.events,
    )
    introspection = Introspection(
        users=backends.users,
        sessions=room.stored,
        revocation=room.revocation,
        tokens=signing.tokens,
        throttle=room.throttle,
        settings=settings.tokens,
        ambient=ambient,
    )
    return AccountsRoom(
        accounts=accounts,
        introspection=introspection,
        resource_servers=ResourceServers(settings.introspection.clients, room.throttle, ambient, credentials.events),
        feed=RevocationFeed(
            backends.revocations,
            backends.signing_keys,
            signing.tokens,
            settings.tokens,
            ambient,
            seals=credentials.seals,
        ),
    )
