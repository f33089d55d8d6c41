"""Every object of the service, made once, here."""

from dataclasses import dataclass
from datetime import timedelta

from redis.asyncio import Redis

from service.ambient import Ambient
from service.doctor.finding import require
from service.doctor.postgres import judge_preconditions as judge_postgres
from service.doctor.redis import judge_preconditions as judge_redis
from service.domain.accounts.accounts import Accounts
from service.domain.accounts.ports import Users
from service.domain.credentials.api_keys import ApiKeys
from service.domain.events.audit_trail import Audit, AuditTrail
from service.domain.events.security_events import Events, Sink, write
from service.domain.limits.throttle import Throttle
from service.domain.operations.background import Background
from service.domain.operations.clock_watch import ClockWatch
from service.domain.operations.key_compromise import KeyCompromise
from service.domain.operations.readiness import Readiness
from service.domain.operations.resealing import Resealer
from service.domain.operations.revoke_everything import MassEnding
from service.domain.operations.store_watch import StoreWatch
from service.domain.passwords.passwords import Passwords
from service.domain.resource_servers.clients import ResourceServers
from service.domain.resource_servers.introspection import Introspection
from service.domain.resource_servers.ports import RevocationStore
from service.domain.resource_servers.revocation_feed import RevocationFeed
from service.domain.seals import Purpose, Seals
from service.domain.sessions.ports import PendingEndings
from service.domain.sessions.refresh_rotation import Rotation
from service.domain.sessions.revocation import Endings
from service.domain.sessions.sessions import Sessions
from service.domain.sessions.user_revocation import UserEndings
from service.domain.signing.key_rotation import KeyLife
from service.domain.signing.keyring import KeyRing
from service.domain.signing.longest_lifetimes import LongestLives
from service.domain.signing.ports import Lives, SigningKeys
from service.domain.signing.tokens import Tokens
from service.errors import ConfigurationError, UnknownSecretError
from service.http.context import Services
from service.settings import Settings
from service.stores import failures, health, inspection, migrations, postgres
from service.stores.all_sessions import RedisAllSessions
from service.stores.audit import PostgresAuditTrail
from service.stores.connect import connect
from service.stores.counters import RedisCounters
from service.stores.denylist import RedisDenylist
from service.stores.longest_lifetimes import PostgresLives
from service.stores.pending_revocations import PostgresPendingEndings
from service.stores.postgres import Postgres
from service.stores.redis import OUTAGES, Servers
from service.stores.revocations import PostgresRevocations
from service.stores.scripts import Scripts
from service.stores.sessions import RedisSessions
from service.stores.signing_keys import PostgresSigningKeys
from service.stores.users import PostgresUsers


@dataclass(frozen=True, slots=True)
class Ground:
    """What the service stands on; tests lay another one."""

    users: Users
    signing_keys: SigningKeys
    revocations: RevocationStore
    audit: AuditTrail
    lives: Lives
    pending_endings: PendingEndings
    redis: Redis
    servers: Servers
    postgres: Postgres | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """The services, ready to be opened, served and closed."""

    services: Services
    settings: Settings
    ground: Ground
    events: Events
    audit: Audit
    endings: Endings
    user_endings: UserEndings
    denylist: RedisDenylist
    redis_health: health.RedisHealth
    postgres_health: health.PostgresHealth | None
    passwords: Passwords
    tokens: Tokens
    key_life: KeyLife
    key_compromise: KeyCompromise
    mass_ending: MassEnding
    resealer: Resealer
    background: Background

    async def open(self) -> None:
        """Prepare the stores. Raises the stores' outages, or ConfigurationError when waiting will not help."""
        await self.open_postgres()
        try:
            await self._require_good_redis()
            await self.endings.restore()
            await self.user_endings.finish_overdue()
            if self.postgres_health:
                await self.postgres_health.word()  # compares the clocks: nothing is served before
        except OUTAGES as error:
            if refusal := failures.as_refusal(failures.of_redis(error)):
                raise refusal from error
            raise
        self.services.readiness.is_open = True

    async def open_postgres(self) -> None:
        """What commands about keys need; they must work while Redis does not. Raises as `open` does."""
        if self.ground.postgres:
            settings, ambient = self.settings.database, self.services.ambient
            require(judge_postgres(await inspection.of_postgres(settings, ambient)))
            if await self._migrate():  # before it no right on the new tables can be told
                require(judge_postgres(await inspection.of_postgres(settings, ambient)))
            await self.ground.postgres.open()
        await self.services.keys.load()

    async def close(self) -> None:
        await self.services.store_watch.close()
        await self.passwords.close()
        self.tokens.close()
        await self.audit.close()
        await self.ground.redis.aclose()
        if self.ground.postgres:
            await self.ground.postgres.close()

    async def _require_good_redis(self) -> None:
        if self.ground.postgres:  # on other ground there is no server to ask
            url = self.settings.redis.url.get_secret_value()
            for address, facts in await inspection.of_redis(
                self.ground.redis, self.ground.servers, url, self.services.ambient
            ):
                require(judge_redis(facts, address))

    async def _migrate(self) -> list[str]:
        settings = self.settings.database
        pending = await migrations.migrate(settings.url.get_secret_value(), dry=not settings.migrate_on_start)
        if pending and not settings.migrate_on_start:
            raise ConfigurationError(f"the database schema is behind ({pending[-1]}): run `tokenhouse migrate` first")
        return pending


def wire(settings: Settings, ambient: Ambient, *, log_event: Sink = write) -> House:
    """The service on Postgres and Redis. Nothing here touches the network: it can be built before they are up."""
    pg = Postgres(settings.database)
    rd, servers = connect(settings.redis)
    ground = Ground(
        PostgresUsers(pg), PostgresSigningKeys(pg), PostgresRevocations(pg), PostgresAuditTrail(pg),
        PostgresLives(pg), PostgresPendingEndings(pg), rd, servers, pg,
    )  # fmt: skip
    return furnish(settings, ambient, ground, log_event=log_event)


def furnish(settings: Settings, ambient: Ambient, ground: Ground, *, log_event: Sink = write) -> House:
    rd, pg, outages = ground.redis, ground.postgres, (*postgres.OUTAGES, *OUTAGES)
    seals = Seals(settings.secrets, ambient)
    events = Events(lambda address: seals.pseudonym(address, Purpose.EVENTS), log_event)
    audit = Audit(ground.audit, settings.audit, ambient)
    if settings.audit.enabled:
        events.add(audit.hear)
    scripts = Scripts(rd, ground.servers.home_of)
    live = RedisSessions(rd, scripts, settings.tokens)
    lives = LongestLives(ground.lives, settings.tokens, ambient)
    keys = KeyRing(ground.signing_keys, seals, ambient, settings.tokens, lives)
    denylist = RedisDenylist(rd, ground.servers, ambient)
    endings = Endings(
        ground.revocations, denylist, live, settings.tokens, ambient, keys=ground.signing_keys, events=events
    )
    user_endings = UserEndings(ground.pending_endings, live, endings, ambient, outages)
    passwords = Passwords(settings.passwords, ambient)
    throttle = Throttle(
        RedisCounters(rd, scripts), settings.throttle, seals.pseudonym, settings.passwords.max_wait, events=events
    )
    tokens = Tokens(keys, settings.tokens, ambient, lives)
    api_keys = ApiKeys(seals, ambient)
    key_life = KeyLife(
        keys, ground.signing_keys, settings=settings.keys, lives=lives, ambient=ambient, events=events,
    )  # fmt: skip
    key_compromise = KeyCompromise(key_life, endings)
    mass_ending = MassEnding(
        everywhere=RedisAllSessions(rd, ground.servers), memory=ground.revocations, sessions=live, key_life=key_life,
        compromise=key_compromise, settings=settings.tokens, events=events,
    )  # fmt: skip
    redis_health = health.RedisHealth(rd, ground.servers, ambient)
    may_differ = max(settings.tokens.leeway, timedelta(seconds=1))
    clock = ClockWatch()
    postgres_health = health.PostgresHealth(pg, redis_health, clock, ambient, may_differ) if pg else None
    if postgres_health is None:
        clock.note("")  # there is no other one
    resealer = Resealer(ground.signing_keys, ground.users, seals, api_keys, events)

    async def postgres_word() -> str:
        word = await postgres_health.word() if postgres_health else "ok"
        if word == "ok":
            try:
                await keys.require_known_secret()
            except UnknownSecretError:
                return "sealed with another secret"
        return word

    async def redis_word() -> str:
        word = await redis_health.word()
        await endings.must_be_known()
        return word

    sessions = Sessions(
        users=ground.users, stored=live,
        rotation=Rotation(live, endings, seals, settings.tokens, ambient, events=events), endings=endings,
        passwords=passwords, throttle=throttle, tokens=tokens, api_keys=api_keys, settings=settings.tokens,
        ambient=ambient, events=events,
    )  # fmt: skip
    accounts = Accounts(
        users=ground.users, endings=endings, user_endings=user_endings, passwords=passwords, throttle=throttle,
        api_keys=api_keys, keys=keys, settings=settings.api_keys, ambient=ambient, events=events,
    )  # fmt: skip
    introspection = Introspection(
        users=ground.users, sessions=live, endings=endings, tokens=tokens, throttle=throttle, settings=settings.tokens,
        ambient=ambient,
    )  # fmt: skip
    readiness = Readiness(postgres_word, redis_word, ambient)
    services = Services(
        introspection=introspection,
        resource_servers=ResourceServers(settings.introspection.clients, throttle, ambient, events),
        feed=RevocationFeed(ground.revocations, ground.signing_keys, tokens, settings.tokens, ambient, seals=seals),
        sessions=sessions, accounts=accounts, keys=keys, issuer=settings.tokens.issuer, ambient=ambient,
        readiness=readiness, store_watch=StoreWatch(readiness, ambient, failures.store_of),
        clock=clock, outages=outages,
    )  # fmt: skip
    return House(
        services=services, settings=settings, ground=ground, events=events, audit=audit, endings=endings,
        user_endings=user_endings, denylist=denylist, redis_health=redis_health,
        postgres_health=postgres_health, passwords=passwords, tokens=tokens,
        key_life=key_life, key_compromise=key_compromise, mass_ending=mass_ending, resealer=resealer, background=Background(ambient),
    )  # fmt: skip
