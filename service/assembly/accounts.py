"""Accounts, introspection, resource servers and the revocation feed."""

from dataclasses import dataclass

from service.assembly.backends import OUTAGES, Basis
from service.assembly.credentials import Credentials
from service.assembly.sessions import SessionParts
from service.assembly.signing import Signing
from service.domain.accounts.accounts import Accounts
from service.domain.accounts.groups import Groups
from service.domain.accounts.named_api_keys import NamedApiKeys
from service.domain.accounts.named_key_uses import NamedKeyUses
from service.domain.resource_servers.clients import ResourceServers
from service.domain.resource_servers.introspection import Introspection
from service.domain.resource_servers.revocation_feed import RevocationFeed


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountParts:
    accounts: Accounts
    named_api_keys: NamedApiKeys
    named_key_uses: NamedKeyUses
    groups: Groups
    introspection: Introspection
    resource_servers: ResourceServers
    feed: RevocationFeed


def build(basis: Basis, credentials: Credentials, signing: Signing, sessions: SessionParts) -> AccountParts:
    settings, ambient, backends = basis
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
    accounts = _accounts(basis, credentials, signing, sessions)
    uses = NamedKeyUses(backends.named_api_keys, OUTAGES)
    return AccountParts(
        accounts=accounts,
        named_api_keys=NamedApiKeys(
            store=backends.named_api_keys,
            uses=uses,
            accounts=accounts,
            throttle=sessions.throttle,
            ambient=ambient,
            events=events,
        ),
        named_key_uses=uses,
        groups=Groups(users=backends.users, events=events),
        introspection=introspection,
        resource_servers=ResourceServers(settings.introspection.clients, sessions.throttle, ambient, events),
        feed=feed,
    )


def _accounts(basis: Basis, credentials: Credentials, signing: Signing, sessions: SessionParts) -> Accounts:
    return Accounts(
        users=basis.backends.users,
        revocation=sessions.revocation,
        user_revocation=sessions.user_revocation,
        passwords=credentials.passwords,
        throttle=sessions.throttle,
        api_keys=credentials.api_keys,
        keys=signing.keys,
        settings=basis.settings.api_keys,
        ambient=basis.ambient,
        events=credentials.events,
    )
