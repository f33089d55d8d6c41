"""Connections to Redis: short timeouts, no retries, and the identity of the server at the other end."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, ClassVar, Protocol, cast
from weakref import WeakKeyDictionary

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.maint_notifications import MaintNotificationsConfig

from service.settings import RedisSettings
from service.stores.pool import CheckedPool
from service.stores.timed_redis import TimedPipeline, TimedRedis
from service.stores.timings import Connections, Timings

REDIRECTED = b"on the move"  # in place of a run id: the reply came from a server that does not own the key yet
FRESH = 1.0  # seconds that a connection is used before its server is identified again
LOOK_AGAIN = 0.3  # seconds until the list of primaries is refreshed, while requests go on
OVERDUE = 0.8  # seconds after which commands no longer rely on the last refresh: they wait for the next one
LEASE = 1.25  # seconds after a refresh began in which replies that rely on it count

Handshake = Callable[[AbstractConnection], Awaitable[None]]


class RedisTopology(Protocol):
    """The servers behind a client: one, or the primaries of a cluster."""

    @property
    def partitions(self) -> Sequence[str]:
        """Hash tags that divide the denylist, so that each part lies on one server."""

    def home_of(self, key: str) -> str:
        """A name for the server that is expected to hold a key."""

    def runs_of(self, pipe: Pipeline, count: int) -> Sequence[bytes]:
        """The server that answered each of the `count` commands of a pipeline executed just now.

        Its run id and replication id; empty when unknown, or when it may no longer be the primary.
        """

    async def settle(self) -> None:
        """Return when no instance can still trust an earlier primary. Raises the outage."""

    def terms(self) -> object:
        """A value that changes with each known failover."""

    async def primaries(self, redis: Redis) -> "Sequence[tuple[Redis, RedisServer]]":
        """Each server with a client of its own."""

    @property
    def timings(self) -> Timings:
        """Of all servers."""

    def connections(self, redis: Redis) -> Connections:
        """To all servers."""


@dataclass(slots=True)
class RedisServer:
    """The server at the other end, identified by its run id and replication id (`master_replid`).

    A new run id means a restart, a new replication id a failover, also there and back: data may be lost. A replica
    gets no identity: its data are another server's, and may lack writes that it accepted as a primary.
    """

    partitions: ClassVar[Sequence[str]] = ("",)
    run_id: bytes = b""
    timings: Timings = field(default_factory=Timings)
    identified: WeakKeyDictionary[AbstractConnection, bytes] = field(default_factory=WeakKeyDictionary)
    identified_at: WeakKeyDictionary[AbstractConnection, float] = field(default_factory=WeakKeyDictionary)

    async def handshake(self, connection: AbstractConnection) -> None:
        await connection.on_connect()
        self.note(connection, await identify(connection))

    def note(self, connection: AbstractConnection, run_id: bytes) -> None:
        """Record the identity of this connection's server; the latest one applies to all connections."""
        self.identified[connection] = self.run_id = run_id
        self.identified_at[connection] = asyncio.get_running_loop().time()

    def is_current(self, connection: AbstractConnection) -> bool:
        """Never true for a replica, which may have become the primary since."""
        info = self.identified.get(connection)
        return bool(info) and info == self.run_id and self._is_fresh(connection)

    async def confirm(self, connection: AbstractConnection) -> bool:
        """A connection ends with the run of its server, so one to any run but the latest is unusable."""
        info = self.identified.get(connection)
        if info and info != self.run_id:
            return False
        self.note(connection, await identify(connection))
        return True

    def learn(self, info: Mapping[str, Any]) -> None:
        """Record the identity in INFO."""
        self.run_id = primary_identity(info)

    async def settle(self) -> None:
        """Nothing to wait for: an earlier run of the only server no longer answers."""

    def terms(self) -> object:
        return ()

    def home_of(self, key: str) -> str:  # noqa: ARG002 - a cluster must know
        return ""

    def _is_fresh(self, connection: AbstractConnection) -> bool:
        return asyncio.get_running_loop().time() - self.identified_at.get(connection, 0.0) < FRESH

    def runs_of(self, pipe: Pipeline, count: int) -> Sequence[bytes]:
        """Empty unless the connection's identity is the latest: handshakes with two servers may overlap."""
        carrier = pipe.carrier if isinstance(pipe, TimedPipeline) else None
        identity = self.run_id if carrier is None else self.identified.get(carrier, b"")
        return [identity if identity == self.run_id else b""] * count

    async def primaries(self, redis: Redis) -> "Sequence[tuple[Redis, RedisServer]]":
        return [(redis, self)]

    def connections(self, redis: Redis) -> Connections:
        return connections_of([redis])


def connections_of(clients: Iterable[Redis]) -> Connections:
    """The totals of all their pools."""
    pools = [client.connection_pool for client in clients]
    counts = [[count for count, _ in pool.get_connection_count()] for pool in pools]
    return Connections(
        in_use=sum(used for _, used in counts),
        idle=sum(idle for idle, _ in counts),
        most=sum(pool.max_connections for pool in pools),
    )


async def identify(connection: AbstractConnection) -> bytes:
    """The identity of the server at the other end; empty for a replica."""
    await connection.send_command("INFO")
    info = cast("bytes", await connection.read_response(disable_decoding=True)).decode()
    return primary_identity(dict(line.split(":", 1) for line in info.splitlines() if ":" in line))


def primary_identity(info: Mapping[str, str]) -> bytes:
    """The identity in INFO; empty for a replica (see RedisServer)."""
    return f"{info['run_id']}.{info['master_replid']}".encode() if info["role"] == "master" else b""


def pool_options(settings: RedisSettings, server: RedisServer) -> dict[str, Any]:
    """The options of a pool, for any kind of URL; the URL's query overrides them."""
    return {
        **pooled(settings),
        "redis_connect_func": _in_time(settings.connect_timeout.total_seconds(), server.handshake),
        "peer": server,
    }


def pooled(settings: RedisSettings) -> dict[str, Any]:
    """The limits and timeouts of a pool and of its connections.

    redis-py's defaults try ten times, even commands that must run once, and hold a request for a minute when the
    server hangs; its default pool raises at the limit instead of waiting.
    """
    return {
        "max_connections": settings.max_connections,
        "timeout": settings.acquire_timeout.total_seconds(),
        "confirm_timeout": settings.command_timeout.total_seconds() / 2,  # the rest is for reconnecting
        "socket_timeout": settings.command_timeout.total_seconds(),
        "socket_connect_timeout": settings.connect_timeout.total_seconds(),
        "retry": Retry(NoBackoff(), 0),
        "retry_on_error": [],
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),  # with them redis-py skips its checks
        "driver_info": DriverInfo(),  # the default reads the installed packages for every connection
    }


def _in_time(seconds: float, handshake: Handshake) -> Handshake:
    """Limits the handshake as a whole: each of its commands may take nearly `command_timeout` on a slow server."""

    async def handshake_in_time(connection: AbstractConnection) -> None:
        try:
            async with asyncio.timeout(seconds):
                await handshake(connection)
        except TimeoutError:  # redis-py's own class, or it would keep the connection
            raise RedisTimeoutError("the server takes too long to greet") from None

    return handshake_in_time


def client(settings: RedisSettings, server: RedisServer, address: Mapping[str, Any]) -> Redis:
    """A client of one server, which connects on first use."""
    return TimedRedis(CheckedPool(**{**pool_options(settings, server), **address}), server.timings)


def script(name: str) -> str:
    """The text of a file in `stores/lua`."""
    return (files("service.stores") / "lua" / name).read_text(encoding="utf-8")
