"""Readiness, background tasks, and operations on a whole installation."""

from dataclasses import dataclass
from datetime import timedelta

from service.ambient import Ambient
from service.assembly.backends import Basis
from service.assembly.credentials import Credentials
from service.assembly.sessions import SessionParts
from service.assembly.signing import Signing
from service.domain.clock_watch import ClockWatch
from service.domain.operations.background import Background
from service.domain.operations.key_compromise import KeyCompromise
from service.domain.operations.mass_revocation import MassRevocation
from service.domain.operations.readiness import Readiness
from service.domain.operations.resealing import Resealer
from service.domain.operations.store_watch import StoreWatch
from service.operator_errors import UnknownSecretError
from service.stores import failures
from service.stores.all_sessions import RedisAllSessions
from service.stores.health import PostgresHealth, RedisHealth

LEAST_LEEWAY = timedelta(seconds=1)  # clocks may differ by this much even if the setting is lower


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    readiness: Readiness
    store_watch: StoreWatch
    redis_health: RedisHealth
    postgres_health: PostgresHealth | None
    key_compromise: KeyCompromise
    mass_revocation: MassRevocation
    resealer: Resealer
    background: Background


def build(basis: Basis, credentials: Credentials, signing: Signing, sessions: SessionParts) -> Operations:
    ambient, backends = basis.ambient, basis.backends
    redis_health = RedisHealth(backends.redis, backends.servers, ambient)
    postgres_health = _postgres_health(basis, redis_health, credentials.clock)
    readiness = _readiness(ambient, signing, sessions, redis_health, postgres_health)
    key_compromise = KeyCompromise(signing.key_rotation, sessions.revocation)
    return Operations(
        readiness=readiness,
        store_watch=StoreWatch(readiness, ambient, failures.store_of),
        redis_health=redis_health,
        postgres_health=postgres_health,
        key_compromise=key_compromise,
        mass_revocation=MassRevocation(
            all_sessions=RedisAllSessions(backends.redis, backends.servers),
            revocations=backends.revocations,
            refresh_sessions=sessions.refresh_sessions,
            key_rotation=signing.key_rotation,
            compromise=key_compromise,
            settings=basis.settings.tokens,
            events=credentials.events,
        ),
        resealer=Resealer(
            backends.signing_keys,
            backends.users,
            backends.factors,
            credentials.seals,
            verifiers=backends.verifiers,
            api_keys=credentials.api_keys,
            events=credentials.events,
        ),
        background=Background(ambient),
    )


def _postgres_health(basis: Basis, redis_health: RedisHealth, clock: ClockWatch) -> PostgresHealth | None:
    postgres, leeway = basis.backends.postgres, max(basis.settings.tokens.leeway, LEAST_LEEWAY)
    return PostgresHealth(postgres, redis_health, clock, basis.ambient, leeway) if postgres else None


def _readiness(
    ambient: Ambient,
    signing: Signing,
    sessions: SessionParts,
    redis_health: RedisHealth,
    postgres_health: PostgresHealth | None,
) -> Readiness:
    async def postgres() -> str:
        check = await postgres_health.check() if postgres_health else "ok"
        if check == "ok":
            try:
                await signing.keys.require_known_secret()
            except UnknownSecretError:
                return "sealed with another secret"
        return check

    async def redis() -> str:
        check = await redis_health.check()
        await sessions.revocation.require_complete()
        return check

    return Readiness(postgres, redis, ambient)
