"""What the instances of a run stand on: one Redis or several, one Postgres or two, each instance with wires of its own."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from service.embedded import EmbeddedPostgres, EmbeddedRedis, socket_directory
from tests.e2e.history.clocked import ClockedRedis
from tests.e2e.history.fleet import Fleet
from tests.e2e.history.record import History
from tests.e2e.test_postgres_hosts import Pair, Standby, command
from tests.support.deployments import NAME, Clustered, Member, Watched, clustered, watched
from tests.support.ports import free_port
from tests.support.relay import Relay

DURABLE = {"synchronous_commit": "on"}  # for it is killed; a lost power supply is not tried
INSTANCES = 2


@dataclass(frozen=True, kw_only=True)
class Ground:
    """`to_postgres`, `to_redis`: the wires of each instance; those to Redis lead to the Sentinels where there are any."""

    fleet: Fleet
    history: History
    dice: Random
    postgres: EmbeddedPostgres
    to_postgres: Sequence[Relay] = ()
    to_redis: Sequence[Sequence[Relay]] = ()
    redis: EmbeddedRedis | None = None
    clocked: ClockedRedis | None = None  # the same, where its clock can be set
    sentinels: Watched | None = None
    cluster: Clustered | None = None
    pair: Pair | None = None


@contextmanager
def one_postgres(directory: Path) -> Iterator[EmbeddedPostgres]:
    with socket_directory() as sockets:
        postgres = EmbeddedPostgres(directory / "postgres", sockets, fast=True, options=DURABLE)
        try:
            postgres.start()
            yield postgres
        finally:
            postgres.kill()


@asynccontextmanager
async def on_one_redis(
    directory: Path, postgres: EmbeddedPostgres, seed: int, **settings: str
) -> AsyncIterator[Ground]:
    history = History()
    with socket_directory() as sockets:
        redis = ClockedRedis(directory / "redis", sockets)
        try:
            redis.start()
            async with AsyncExitStack() as closing:
                to_postgres, to_redis = [], []
                for _ in range(INSTANCES):
                    to_postgres.append(await _wire(closing, postgres.sockets / EmbeddedPostgres.SOCKET))
                    to_redis.append([await _wire(closing, redis.sockets / EmbeddedRedis.SOCKET)])
                urls = [
                    _urls(_postgres_by(one), f"redis://127.0.0.1:{other[0].port}/0")
                    for one, other in zip(to_postgres, to_redis, strict=True)
                ]
                fleet = await closing.enter_async_context(Fleet(urls, history, **settings).serving())
                yield Ground(
                    fleet=fleet,
                    history=history,
                    dice=_dice(seed),
                    postgres=postgres,
                    redis=redis,
                    clocked=redis,
                    to_postgres=to_postgres,
                    to_redis=to_redis,
                )
        finally:
            redis.kill()


@asynccontextmanager
async def on_sentinels(
    directory: Path, postgres: EmbeddedPostgres, seed: int, **settings: str
) -> AsyncIterator[Ground]:
    history = History()
    async with watched(directory) as stand, AsyncExitStack() as closing:
        wires = [[await _wire(closing, one.port) for one in stand.sentinels] for _ in range(INSTANCES)]
        places = [",".join(f"127.0.0.1:{one.port}" for one in ways) for ways in wires]
        urls = [_urls(postgres.url, f"redis+sentinel://{place}/{NAME}") for place in places]
        fleet = await closing.enter_async_context(Fleet(urls, history, **settings).serving())
        yield Ground(fleet=fleet, history=history, dice=_dice(seed), postgres=postgres, sentinels=stand, to_redis=wires)


@asynccontextmanager
async def on_a_cluster(
    directory: Path, postgres: EmbeddedPostgres, seed: int, **settings: str
) -> AsyncIterator[Ground]:
    """Every node is in the URL, the replica too."""
    history = History()
    async with clustered(directory) as stand:
        urls = [_urls(postgres.url, f"{stand.url},{stand.successor.address}")] * INSTANCES
        async with Fleet(urls, history, **settings).serving() as fleet:
            yield Ground(fleet=fleet, history=history, dice=_dice(seed), postgres=postgres, cluster=stand)


@asynccontextmanager
async def on_two_postgres(
    directory: Path, postgres: EmbeddedPostgres, seed: int, **settings: str
) -> AsyncIterator[Ground]:
    """A primary that answers when its standby has written down what it said. The `postgres` of other runs is not used."""
    history = History()
    redis = Member(directory, {})
    with socket_directory() as sockets:
        primary = EmbeddedPostgres(directory / "primary", sockets, port=free_port(), fast=True, options=DURABLE)
        standby = Standby(directory / "standby", sockets, port=free_port(), origin=primary)
        pair = Pair(primary, standby)
        try:
            for one in (primary, standby, redis):
                one.start()
            await command(primary, "ALTER SYSTEM SET synchronous_standby_names = '*'")
            await command(primary, "SELECT pg_reload_conf()")
            urls = [_urls(pair.url, f"redis://{redis.address}/0")] * INSTANCES
            async with Fleet(urls, history, **settings).serving() as fleet:
                yield Ground(fleet=fleet, history=history, dice=_dice(seed), postgres=primary, redis=redis, pair=pair)
        finally:
            for one in (redis, standby, primary):
                one.kill()


GROUNDS = {
    "one redis": on_one_redis,
    "sentinels": on_sentinels,
    "cluster": on_a_cluster,
    "two postgres": on_two_postgres,
}


async def _wire(closing: AsyncExitStack, target: Path | int) -> Relay:
    return await closing.enter_async_context(Relay(target).listening())


def _postgres_by(wire: Relay) -> str:
    return f"postgresql://tokenhouse@127.0.0.1:{wire.port}/tokenhouse"


def _urls(postgres: str, redis: str) -> Mapping[str, str]:
    return {"TOKENHOUSE_DATABASE__URL": postgres, "TOKENHOUSE_REDIS__URL": redis}


def _dice(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - a run must be repeatable
