"""Whose failure it is: told for each way in which a store fails, by the error alone."""

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
from redis.exceptions import AuthenticationError, BusyLoadingError, ReadOnlyError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.sentinel import MasterNotFoundError

from service.ambient import Ambient
from service.assembly.application import Application, build
from service.assembly.backends import Backends
from service.embedded import Stores
from service.stores.failures import FailureKind, of_connecting, of_query, of_redis, store_of
from tests.conftest import real_settings
from tests.support.relay import Mode, Relay
from tests.support.waiting import brisk

WAYS = ["reset before", "reset after", "silent before", "silent after", "refused"]


@pytest.fixture
async def relays(embedded: Stores, redis: object, database: object) -> AsyncIterator[tuple[Relay, Relay]]:
    """To Postgres and to Redis."""
    sockets = parse_qs(urlsplit(embedded.postgres.url).query)["host"][0]
    behind = Relay(Path(sockets) / ".s.PGSQL.5432"), Relay(Path(urlsplit(embedded.redis.url).path))
    async with behind[0].listening() as postgres, behind[1].listening() as there:
        yield postgres, there


def house_on(embedded: Stores, postgres: int, redis: int) -> Application:
    settings = real_settings(
        embedded,
        **brisk(
            database={"url": f"postgresql://tokenhouse@127.0.0.1:{postgres}/tokenhouse"},
            redis={"url": f"redis://127.0.0.1:{redis}/0"},
        ),
    )
    return build(settings, Ambient())


async def ask(backends: Backends, store: str) -> None:
    if store == "redis":
        await backends.redis.get("anything")
    else:
        assert backends.postgres is not None
        await backends.postgres.fetch("SELECT 1")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("store", ["postgres", "redis"])
async def test_an_error_tells_the_store_that_it_comes_from_and_passes(
    embedded: Stores, relays: tuple[Relay, Relay], store: str, way: str
) -> None:
    postgres, redis = relays
    application = house_on(embedded, *((1, 1) if way == "refused" else (postgres.port, redis.port)))
    assert application.backends.postgres is not None
    await application.backends.postgres.open()
    failing = redis if store == "redis" else postgres
    try:
        if way.endswith("after"):
            await ask(application.backends, store)
        failing.behave(Mode.BLACKHOLE if way.startswith("silent") else Mode.RESET)
        try:
            await ask(application.backends, store)
        except application.outages as error:
            told = error
    finally:
        with suppress(TimeoutError):
            await application.close()
    assert store_of(told) == store
    sort = of_redis if store == "redis" else of_connecting
    assert sort(told).kind is FailureKind.WAIT


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.CannotConnectNowError("the database system is starting up"),
        asyncpg.TooManyConnectionsError("full"),
        asyncpg.AdminShutdownError("gone"),
        asyncpg.TargetServerAttributeNotMatched("none"),
        TimeoutError(),
        asyncpg.ProtocolViolationError("server login has been failing, try again later"),
        ConnectionRefusedError(),
        OSError(-2, "Name or service not known"),
        FileNotFoundError(2, "no socket"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_a_postgres_says_that_starts_ends_or_is_full_passes(error: Exception) -> None:
    assert of_connecting(error).kind is FailureKind.WAIT


def test_what_a_redis_says_that_starts_or_was_demoted_passes() -> None:
    for error in (BusyLoadingError("loading"), ReadOnlyError("a replica"), TimeoutError()):
        assert of_redis(error).kind is FailureKind.WAIT


def test_no_value_of_a_setting_is_in_what_is_said() -> None:
    said = of_connecting(asyncpg.InvalidParameterValueError('invalid value for parameter "TimeZone": "hush"')).advice
    assert ("(TimeZone)" in said, "hush" in said) == (True, False)
    said = of_query(asyncpg.InsufficientPrivilegeError("permission denied for table users")).advice
    assert "(table users)" in said
    said = of_query(asyncpg.InsufficientPrivilegeError("Zugriff verweigert")).advice
    assert "lacks a right: grant it" in said


def test_a_single_redis_that_is_taken_for_a_cluster_is_told() -> None:
    error = RedisConnectionError("no node of the cluster answers")
    error.__cause__ = ResponseError("This instance has cluster support disabled")
    assert (of_redis(error).kind, "no cluster stands" in of_redis(error).advice) == (FailureKind.NEVER, True)


def test_a_password_that_sentinels_ask_for_is_told_apart_from_that_of_redis() -> None:
    error = MasterNotFoundError("no primary is named")
    error.__cause__ = AuthenticationError("Authentication required.")
    assert (of_redis(error).kind, "?sentinel_password=" in of_redis(error).advice) == (FailureKind.NEVER, True)
