"""The storage backends: Postgres and Redis. Tests pass others."""

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from redis.asyncio import Redis

from service.ambient import Ambient
from service.domain.accounts.ports import (
    FactorChanges,
    InvitationStore,
    NamedApiKeyStore,
    PasskeyChanges,
    ProfileStore,
    Users,
)
from service.domain.administration.ports import AdminStore, AdminTokenStore, UserDirectory
from service.domain.events.audit_trail import AuditTrail
from service.domain.mail.ports import Inbox, Outbox
from service.domain.operations.ports import TotpSeals, VerifierSeals
from service.domain.recovery.ports import EmailChanges, ProvedUsers
from service.domain.resource_servers.ports import RevocationStore
from service.domain.second_factors.ports import FactorStore, PasskeyStore
from service.domain.sessions.ports import PendingRevocations
from service.domain.signing.ports import Lifetimes, SigningKeys
from service.domain.srp.ports import VerifierStore
from service.domain.transfer.ports import Moves
from service.domain.webhooks.ports import DeliveryStore, TrailCursors
from service.settings import Settings
from service.stores import postgres, timed_redis
from service.stores.admin_tokens import PostgresAdminTokens
from service.stores.admins import PostgresAdmins
from service.stores.audit import PostgresAuditTrail
from service.stores.connect import connect
from service.stores.email_changes import PostgresEmailChanges
from service.stores.invitations import PostgresInvitations
from service.stores.longest_lifetimes import PostgresLifetimes
from service.stores.moves import PostgresMoves
from service.stores.named_api_keys import PostgresNamedApiKeys
from service.stores.outbox import PostgresOutbox
from service.stores.passkeys import PostgresPasskeys
from service.stores.pending_revocations import PostgresPendingRevocations
from service.stores.postgres import Postgres
from service.stores.profiles import PostgresProfiles
from service.stores.proved_users import PostgresProvedUsers
from service.stores.redis import RedisTopology
from service.stores.revocations import PostgresRevocations
from service.stores.second_factors import PostgresSecondFactors
from service.stores.signing_keys import PostgresSigningKeys
from service.stores.srp_verifiers import PostgresVerifiers
from service.stores.user_directory import PostgresUserDirectory
from service.stores.users import PostgresUsers
from service.stores.webhook_cursors import PostgresTrailCursors
from service.stores.webhook_deliveries import PostgresWebhookDeliveries

OUTAGES: tuple[type[Exception], ...] = (*postgres.OUTAGES, *timed_redis.OUTAGES)  # errors that waiting can fix


class SecondFactorStore(FactorStore, FactorChanges, TotpSeals, Protocol):
    """All that is asked of the tables of second factors."""


class AllVerifiers(VerifierStore, VerifierSeals, Protocol):
    """All that is asked of the table of verifiers for SRP."""


class AllPasskeys(PasskeyStore, PasskeyChanges, Protocol):
    """All that is asked of the table of passkeys, but by the doctor."""


@dataclass(frozen=True, slots=True)
class Backends:
    users: Users
    factors: SecondFactorStore
    signing_keys: SigningKeys
    revocations: RevocationStore
    audit: AuditTrail
    lifetimes: Lifetimes
    pending_revocations: PendingRevocations
    redis: Redis
    servers: RedisTopology
    postgres: Postgres | None = None
    outbox: Outbox = field(kw_only=True)
    proved_users: ProvedUsers = field(kw_only=True)
    email_changes: EmailChanges = field(kw_only=True)
    inbox: Inbox = field(kw_only=True)
    named_api_keys: NamedApiKeyStore = field(kw_only=True)
    passkeys: AllPasskeys = field(kw_only=True)
    verifiers: AllVerifiers = field(kw_only=True)
    profiles: ProfileStore = field(kw_only=True)
    invitations: InvitationStore = field(kw_only=True)
    directory: UserDirectory = field(kw_only=True)
    admin_tokens: AdminTokenStore = field(kw_only=True)
    admins: AdminStore = field(kw_only=True)
    webhook_cursors: TrailCursors = field(kw_only=True)
    webhook_deliveries: DeliveryStore = field(kw_only=True)
    moves: Moves = field(kw_only=True)


class Basis(NamedTuple):
    """The inputs of every part."""

    settings: Settings
    ambient: Ambient
    backends: Backends


def of_settings(settings: Settings) -> Backends:
    """Nothing here touches the network: backends can be made before their servers are up."""
    pg = Postgres(settings.database)
    client, servers = connect(settings.redis)
    users = PostgresUsers(pg)
    outbox = PostgresOutbox(pg)
    return Backends(
        users,
        PostgresSecondFactors(pg),
        PostgresSigningKeys(pg),
        PostgresRevocations(pg),
        PostgresAuditTrail(pg),
        PostgresLifetimes(pg),
        PostgresPendingRevocations(pg),
        client,
        servers,
        pg,
        proved_users=PostgresProvedUsers(pg, users),
        email_changes=PostgresEmailChanges(pg),
        outbox=outbox,
        inbox=outbox,
        named_api_keys=PostgresNamedApiKeys(pg),
        passkeys=PostgresPasskeys(pg),
        verifiers=PostgresVerifiers(pg),
        profiles=PostgresProfiles(pg),
        invitations=PostgresInvitations(pg),
        directory=PostgresUserDirectory(pg),
        admin_tokens=PostgresAdminTokens(pg),
        admins=PostgresAdmins(pg),
        webhook_cursors=PostgresTrailCursors(pg),
        webhook_deliveries=PostgresWebhookDeliveries(pg),
        moves=PostgresMoves(pg),
    )
