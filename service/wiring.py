"""Every object of the service, made once, here."""

from dataclasses import dataclass

from redis.asyncio import Redis

from service.ambient import Ambient
from service.api.context import Services
from service.domain.accounts import Accounts
from service.domain.api_keys import ApiKeys
from service.domain.endings import Endings
from service.domain.keys import KeyRing
from service.domain.passwords import Passwords
from service.domain.readiness import Readiness
from service.domain.seals import Seals
from service.domain.sessions import Sessions
from service.domain.throttle import Throttle
from service.domain.tokens import Tokens
from service.errors import ConfigurationError
from service.settings import Settings
from service.stores import health, migrations, postgres, redis
from service.stores.counters import RedisCounters
from service.stores.denylist import RedisDenylist
from service.stores.postgres import Postgres
from service.stores.revocations import PostgresRevocations
from service.stores.sessions import RedisSessions
from service.stores.signing_keys import PostgresSigningKeys
from service.stores.users import PostgresUsers


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """The services, and the ground they stand on."""

    services: Services
    settings: Settings
    postgres: Postgres
    redis: Redis
    keys: KeyRing
    endings: Endings
    passwords: Passwords
    tokens: Tokens
    readiness: Readiness

    async def open(self) -> None:
        """Prepare the stores. Raises the stores' outages, or ConfigurationError when waiting will not help."""
        url = self.settings.database.url.get_secret_value()
        pending = await migrations.migrate(url, dry=not self.settings.database.migrate_on_start)
        if pending and not self.settings.database.migrate_on_start:
            raise ConfigurationError(f"the database schema is behind by {len(pending)}: run `tokenhouse migrate` first")
        await self.postgres.open()
        await self.keys.load()
        await self.endings.restore()
        self.readiness.is_open = True

    async def close(self) -> None:
        await self.passwords.close()
        self.tokens.close()
        await self.redis.aclose()
        await self.postgres.close()


def wire(settings: Settings, ambient: Ambient) -> House:
    """Nothing here touches the network: the service can be built before its stores are up."""
    server = redis.Server()
    pg, rd = Postgres(settings.database), redis.connect(settings.redis, server)
    seals = Seals(settings.secrets, ambient)
    users, live = PostgresUsers(pg), RedisSessions(rd)
    keys = KeyRing(PostgresSigningKeys(pg), seals, ambient, settings.tokens.algorithm)
    endings = Endings(PostgresRevocations(pg), RedisDenylist(rd, server, ambient), live, settings.tokens, ambient)
    passwords = Passwords(settings.passwords, ambient)
    throttle = Throttle(RedisCounters(rd), settings.throttle, seals.pseudonym, settings.passwords.max_wait)
    tokens = Tokens(keys, settings.tokens, ambient)
    api_keys = ApiKeys(seals, ambient)

    async def redis_word() -> str:
        await endings.must_be_known()
        return await health.of_redis(rd)

    readiness = Readiness(lambda: health.of_postgres(pg), redis_word, ambient)
    sessions = Sessions(
        users=users, stored=live, endings=endings, passwords=passwords, throttle=throttle, tokens=tokens,
        api_keys=api_keys, settings=settings.tokens, ambient=ambient,
    )  # fmt: skip
    accounts = Accounts(
        users=users, sessions=live, endings=endings, passwords=passwords, throttle=throttle, api_keys=api_keys,
        ambient=ambient,
    )  # fmt: skip
    services = Services(
        sessions=sessions, accounts=accounts, keys=keys, ambient=ambient, readiness=readiness,
        outages=(*postgres.OUTAGES, *redis.OUTAGES),
    )  # fmt: skip
    return House(
        services=services, settings=settings, postgres=pg, redis=rd, keys=keys, endings=endings, passwords=passwords,
        tokens=tokens, readiness=readiness,
    )  # fmt: skip
