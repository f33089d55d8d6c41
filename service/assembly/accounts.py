"""Accounts, introspection, resource servers and the revocation feed."""

from dataclasses import dataclass

from service.assembly.backends import OUTAGES, Basis
from service.assembly.credentials import Credentials
from service.assembly.second_factors import FactorParts
from service.assembly.sessions import SessionParts
from service.assembly.signing import Signing
from service.domain.accounts.accounts import Accounts
from service.domain.accounts.confirmation import Confirmation
from service.domain.accounts.factors import Factors
from service.domain.accounts.groups import Groups
from service.domain.accounts.member_passkeys import MemberPasskeys
from service.domain.accounts.named_api_keys import NamedApiKeys
from service.domain.accounts.named_key_uses import NamedKeyUses
from service.domain.accounts.new_accounts import NewAccounts
from service.domain.resource_servers.clients import ResourceServers
from service.domain.resource_servers.introspection import Introspection
from service.domain.resource_servers.revocation_feed import RevocationFeed
from service.stores import redis_keys
from service.stores.challenges import RedisEnrolments


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountParts:
    accounts: Accounts
    new_accounts: NewAccounts
    named_api_keys: NamedApiKeys
    groups: Groups
    confirmation: Confirmation
    factors: Factors
    passkeys: MemberPasskeys
    introspection: Introspection
    resource_servers: ResourceServers
    feed: RevocationFeed


def build(
    basis: Basis, credentials: Credentials, signing: Signing, second: FactorParts, sessions: SessionParts
) -> AccountParts:
    settings, ambient, backends = basis
    events = credentials.events
    introspection = Introspection(
        users=backends.users,
        refresh_sessions=sessions.refresh_sessions,
        revocation=sessions.revocation,
        tokens=signing.tokens,
        throttle=sessions.throttle,
        settings=settings.tokens,
        ambient=ambient,
    )
    confirmation = _confirmation(basis, credentials, second, sessions)
    uses = NamedKeyUses(backends.named_api_keys, OUTAGES)
    accounts = _accounts(basis, credentials, signing, sessions, confirmation)
    return AccountParts(
        accounts=accounts,
        new_accounts=_new_accounts(basis, credentials, sessions, accounts),
        named_api_keys=NamedApiKeys(
            store=backends.named_api_keys,
            uses=uses,
            confirmation=confirmation,
            address_proof=sessions.address_proof,
            throttle=sessions.throttle,
            notices=sessions.notices,
            ambient=ambient,
            events=events,
        ),
        groups=Groups(users=backends.users, events=events),
        confirmation=confirmation,
        factors=_factors(basis, credentials, second, sessions, confirmation),
        passkeys=_passkeys(basis, credentials, second, sessions, confirmation),
        introspection=introspection,
        resource_servers=ResourceServers(settings.introspection.clients, sessions.throttle, ambient, events),
        feed=_feed(basis, credentials, signing),
    )


def _feed(basis: Basis, credentials: Credentials, signing: Signing) -> RevocationFeed:
    settings, ambient, backends = basis
    seals = credentials.seals
    return RevocationFeed(
        backends.revocations, backends.signing_keys, signing.tokens, settings.tokens, ambient, seals=seals
    )


def _confirmation(basis: Basis, credentials: Credentials, second: FactorParts, sessions: SessionParts) -> Confirmation:
    return Confirmation(
        users=basis.backends.users,
        passwords=credentials.passwords,
        second_factors=second.second_factors,
        throttle=sessions.throttle,
        password_limits=sessions.password_limits,
        ambient=basis.ambient,
        events=credentials.events,
    )


def _accounts(
    basis: Basis, credentials: Credentials, signing: Signing, sessions: SessionParts, confirmation: Confirmation
) -> Accounts:
    return Accounts(
        users=basis.backends.users,
        confirmation=confirmation,
        revocation=sessions.revocation,
        user_revocation=sessions.user_revocation,
        passwords=credentials.passwords,
        verifiers=credentials.verifiers,
        throttle=sessions.throttle,
        api_keys=credentials.api_keys,
        keys=signing.keys,
        settings=basis.settings.api_keys,
        ambient=basis.ambient,
        events=credentials.events,
        address_proof=sessions.address_proof,
        notices=sessions.notices,
    )


def _new_accounts(basis: Basis, credentials: Credentials, sessions: SessionParts, accounts: Accounts) -> NewAccounts:
    return NewAccounts(
        accounts=accounts,
        registration=credentials.registration,
        revocation=sessions.revocation,
        passwords=credentials.passwords,
        verifiers=credentials.verifiers,
        throttle=sessions.throttle,
        api_keys=credentials.api_keys,
        ambient=basis.ambient,
        address_proof=sessions.address_proof,
    )


def _factors(
    basis: Basis, credentials: Credentials, second: FactorParts, sessions: SessionParts, confirmation: Confirmation
) -> Factors:
    return Factors(
        users=basis.backends.users,
        changes=basis.backends.factors,
        enrolments=RedisEnrolments(basis.backends.redis),
        enrolments_by_session=RedisEnrolments(basis.backends.redis, redis_keys.unconfirmed_totp_by_session),
        second_factors=second.second_factors,
        confirmation=confirmation,
        revocation=sessions.revocation,
        user_revocation=sessions.user_revocation,
        throttle=sessions.throttle,
        ambient=basis.ambient,
        events=credentials.events,
        must_have_one=basis.settings.accounts.second_factor == "required",
    )


def _passkeys(
    basis: Basis, credentials: Credentials, second: FactorParts, sessions: SessionParts, confirmation: Confirmation
) -> MemberPasskeys:
    return MemberPasskeys(
        passkeys=second.passkeys,
        store=basis.backends.passkeys,
        changes=basis.backends.passkeys,
        second_factors=second.second_factors,
        confirmation=confirmation,
        revocation=sessions.revocation,
        user_revocation=sessions.user_revocation,
        throttle=sessions.throttle,
        events=credentials.events,
        must_have_one=basis.settings.accounts.second_factor == "required",
    )
