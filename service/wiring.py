"""Every object of the service, made once, here."""

from dataclasses import dataclass

from redis.asyncio import Redis

from service.ambient import Ambient
from service.api.context import Services
from service.domain.accounts import Accounts
from service.domain.api_keys import ApiKeys
from service.domain.endings import Endings
from service.domain.introspection import Introspection
from service.domain.key_life import KeyLife
from service.domain.keys import KeyRing
from service.domain.passwords import Passwords
from service.domain.ports import Revocations, SigningKeys, Users
from service.domain.readiness import Readiness
from service.domain.resealing import Resealer
from service.domain.resource_servers import ResourceServers
from service.domain.revocation_feed import RevocationFeed
from service.domain.rotation import Rotation
from service.domain.seals import Seals
from service.domain.sessions import Sessions
from service.domain.throttle import Throttle
from service.domain.tokens import Tokens
from service.errors import ConfigurationError
from service.settings import Settings
from service.stores import health, migrations, postgres
from service.stores.counters import RedisCounters
from service.stores.denylist import RedisDenylist
from service.stores.postgres import Postgres
from service.stores.redis import OUTAGES, Server, connect
from service.stores.revocations import PostgresRevocations
from service.stores.sessions import RedisSessions
from service.stores.signing_keys import PostgresSigningKeys
from service.stores.users import PostgresUsers


@dataclass(frozen=True, slots=True)
class Ground:
    """What the service stands on; tests lay another one."""

    users: Users
    signing_keys: SigningKeys
    revocations: Revocations
    redis: Redis
    server: Server
    postgres: Postgres | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """The services, ready to be opened, served and closed."""

    services: Services
    settings: Settings
    ground: Ground
    endings: Endings
    passwords: Passwords
    tokens: Tokens
    key_life: KeyLife
    resealer: Resealer

    async def open(self) -> None:
        """Prepare the stores. Raises the stores' outages, or ConfigurationError when waiting will not help."""
        await self.open_postgres()
        await self.endings.restore()
        self.services.readiness.is_open = True

    async def open_postgres(self) -> None:
        """What commands about keys need; they must work while Redis does not. Raises as `open` does."""
        if self.ground.postgres:
            await self._migrate()
            await self.ground.postgres.open()
        await self.services.keys.load()

    async def close(self) -> None:
        await self.passwords.close()
        self.tokens.close()
        await self.ground.redis.aclose()
        if self.ground.postgres:
            await self.ground.postgres.close()

    async def _migrate(self) -> None:
        settings = self.settings.database
        pending = await migrations.migrate(settings.url.get_secret_value(), dry=not settings.migrate_on_start)
        if pending and not settings.migrate_on_start:
            raise ConfigurationError(f"the database schema is behind ({pending[-1]}): run `tokenhouse migrate` first")


def wire(settings: Settings, ambient: Ambient) -> House:
    """The service on Postgres and Redis. Nothing here touches the network: it can be built before they are up."""
    server, pg = Server(), Postgres(settings.database)
    rd = connect(settings.redis, server)
    ground = Ground(PostgresUsers(pg), PostgresSigningKeys(pg), PostgresRevocations(pg), rd, server, pg)
    return furnish(settings, ambient, ground)


def furnish(settings: Settings, ambient: Ambient, ground: Ground) -> House:
    rd, pg = ground.redis, ground.postgres
    seals = Seals(settings.secrets, ambient)
    live = RedisSessions(rd, settings.tokens.max_sessions)
    keys = KeyRing(ground.signing_keys, seals, ambient, settings.tokens)
    denylist = RedisDenylist(rd, ground.server, ambient)
    endings = Endings(ground.revocations, denylist, live, settings.tokens, ambient, keys=ground.signing_keys)
    passwords = Passwords(settings.passwords, ambient)
    throttle = Throttle(RedisCounters(rd), settings.throttle, seals.pseudonym, settings.passwords.max_wait)
    tokens = Tokens(keys, settings.tokens, ambient)
    api_keys = ApiKeys(seals, ambient)
    key_life = KeyLife(
        keys, ground.signing_keys, endings, settings=settings.keys, longest=settings.tokens.longest, ambient=ambient
    )
    resealer = Resealer(ground.signing_keys, ground.users, seals, api_keys)

    async def postgres_word() -> str:
        return await health.of_postgres(pg) if pg else "ok"

    async def redis_word() -> str:
        word = await health.of_redis(rd, ground.server)
        await endings.must_be_known()
        return word

    sessions = Sessions(
        users=ground.users, stored=live,
        rotation=Rotation(live, endings, seals, settings.tokens, ambient), endings=endings, passwords=passwords,
        throttle=throttle, tokens=tokens, api_keys=api_keys, settings=settings.tokens, ambient=ambient,
    )  # fmt: skip
    accounts = Accounts(
        users=ground.users, sessions=live, endings=endings, passwords=passwords, throttle=throttle, api_keys=api_keys,
        settings=settings.api_keys, ambient=ambient,
    )  # fmt: skip
    introspection = Introspection(
        users=ground.users, sessions=live, endings=endings, tokens=tokens, settings=settings.tokens, ambient=ambient
    )
    services = Services(
        introspection=introspection,
        resource_servers=ResourceServers(settings.introspection.clients, throttle, ambient),
        feed=RevocationFeed(ground.revocations, ground.signing_keys, tokens, settings.tokens, ambient),
        sessions=sessions, accounts=accounts, keys=keys, issuer=settings.tokens.issuer, ambient=ambient,
        readiness=Readiness(postgres_word, redis_word, ambient), outages=(*postgres.OUTAGES, *OUTAGES),
    )  # fmt: skip
    return House(
        services=services, settings=settings, ground=ground, endings=endings, passwords=passwords, tokens=tokens,
        key_life=key_life, resealer=resealer,
    )  # fmt: skip
