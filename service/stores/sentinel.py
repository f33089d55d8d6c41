"""A primary watched by Sentinels: all of them are asked for its address, at every new connection and periodically."""

# mypy: disable-error-code="no-untyped-call"
# ... because redis-py's Sentinel has no types.

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection
from redis.asyncio.sentinel import MasterNotFoundError, Sentinel, SentinelConnectionPool
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from service.settings import RedisSettings
from service.stores.pool import CheckedPool
from service.stores.redis import LEASE, LOOK_AGAIN, OVERDUE, RedisServer, pool_options, pooled
from service.stores.timed_redis import OUTAGES, TimedRedis

Address = tuple[str, int]
CLOCK_STEP = 0.005  # seconds: the clock of an event loop may count in whole milliseconds (uvloop)
CREDENTIALS = {"sentinel_username": "username", "sentinel_password": "password"}


@dataclass(slots=True)
class Primary(RedisServer):
    """The server that most Sentinels name. A replica is refused: they name another one by now, or will soon.

    So is a connection to any other address, however it came to outlast a failover: the server at its other end may
    still be a primary, which is demoted some ten seconds after it was replaced.

    Replies count only while the refresh that named the server is recent: it may have been replaced since. The number
    of the failover (`config-epoch`) is part of its identity: a primary may be replaced and return unchanged.
    """

    named: Address = ("", 0)
    failover: int = -1
    named_since: float = 0.0  # when this instance learned of it
    looked_at: float = float("-inf")  # when the last successful refresh began

    def hear_of(self, named: Address, failover: int, began: float) -> None:
        if (named, failover) != (self.named, self.failover):
            self.named, self.failover, self.named_since = named, failover, asyncio.get_running_loop().time()
            self.run_id = b""  # so no connection is current any more
        self.looked_at = began

    async def confirm(self, connection: AbstractConnection) -> bool:
        return self._is_named(connection) and await RedisServer.confirm(self, connection)

    def runs_of(self, pipe: Pipeline, count: int) -> Sequence[bytes]:
        runs = RedisServer.runs_of(self, pipe, count)
        if asyncio.get_running_loop().time() - self.looked_at > LEASE:
            return [b""] * count
        return [run and b"%s@%d" % (run, self.failover) for run in runs]

    async def settle(self) -> None:
        await asyncio.sleep(self.named_since + LEASE + CLOCK_STEP - asyncio.get_running_loop().time())

    def terms(self) -> object:
        return self.named, self.failover

    def note(self, connection: AbstractConnection, run_id: bytes) -> None:
        if not run_id:
            raise RedisConnectionError("the Sentinels name a server that is no primary")
        if not self._is_named(connection):
            raise RedisConnectionError("the Sentinels have named another primary meanwhile")
        RedisServer.note(self, connection, run_id)

    def _is_named(self, connection: AbstractConnection) -> bool:
        return (connection.host, connection.port) == self.named  # type: ignore[attr-defined] # it goes over TCP


class OneSentinel:
    """A peer that is pinged before each query: queries may be far apart."""

    def is_current(self, connection: AbstractConnection) -> bool:  # noqa: ARG002 - no state is kept
        return False

    async def confirm(self, connection: AbstractConnection) -> bool:
        await connection.send_command("PING")
        with suppress(ResponseError):  # a refusal is a reply, too
            await connection.read_response()
        return True


class Sentinels(Sentinel):
    """Uses checked connections as well, so that a restart of all Sentinels is not an outage of the primary."""

    def __init__(self, hosts: Sequence[Address], options: Mapping[str, Any], timeout: float) -> None:
        """`timeout`: seconds for each to answer, connecting included: redis-py limits only parts of that."""
        super().__init__([])
        self._timeout = timeout
        pools = [CheckedPool(**{**options, "host": host, "port": port}) for host, port in hosts]
        self.sentinels = [Redis.from_pool(pool) for pool in pools]

    async def primary_of(self, service_name: str) -> tuple[Address, int]:
        """The address that more than half of the Sentinels in the URL name, and the number of the failover behind it.

        Raises MasterNotFoundError.

        So two instances that reach different ones cannot use two primaries at a time. redis-py trusts the first that
        answers, which may be cut off from the others, and asks them one by one.
        """
        asked = (asyncio.wait_for(one.sentinel_masters(), self._timeout) for one in self.sentinels)
        answers = await asyncio.gather(*asked, return_exceptions=True)
        states = [one[service_name] for one in answers if isinstance(one, Mapping) and service_name in one]
        living = [one for one in states if self.check_master_state(one, service_name)]
        named = Counter((one["ip"], one["port"], int(one["config-epoch"])) for one in living)
        (host, port, failover), votes = next(iter(named.most_common(1)), (("", 0, -1), 0))
        if votes * 2 <= len(self.sentinels):
            why = next((one for one in answers if isinstance(one, Exception)), None)
            raise MasterNotFoundError("no primary is named by more than half of the Sentinels") from why
        return (host, port), failover


class WatchedPool(SentinelConnectionPool, CheckedPool):
    """Abandons a primary as soon as the Sentinels name another one, even if it is cut off and still answers."""

    _looked_at = float("-inf")  # when the last finished refresh began, successful or not
    _looking: asyncio.Task[Exception | None] | None = None

    async def ensure_connection(self, connection: AbstractConnection) -> None:
        """Under load no command waits for a refresh. After a pause the first one does, to reach the current primary.

        Without a majority of the Sentinels the known primary stays, and its replies cease to count.
        """
        age = asyncio.get_running_loop().time() - self._looked_at
        if age >= LOOK_AGAIN:
            looking = self._look()
            if age >= OVERDUE:
                await asyncio.shield(looking)
        await super().ensure_connection(connection)

    async def aclose(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
        await super().aclose()
        await self.sentinel_manager.aclose()

    async def get_master_address(self) -> Address:
        """What redis-py asks for before it connects. Raises the outage of the Sentinels."""
        failed = await asyncio.shield(self._look())
        if failed is not None:
            raise failed
        return self._primary.named

    def _look(self) -> "asyncio.Task[Exception | None]":
        """One at a time: a reply that is overtaken by a later one would undo a failover."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._ask())
        return self._looking

    async def _ask(self) -> Exception | None:
        """The outage, if nothing was learned."""
        began = asyncio.get_running_loop().time()
        try:
            address, failover = await self.sentinel_manager.primary_of(self.service_name)
            self._primary.hear_of(address, failover, began)
        except OUTAGES as error:
            return error
        finally:
            self._looked_at = began
        return None

    @property
    def _primary(self) -> Primary:
        return cast("Primary", self._peer)


def watched(
    settings: RedisSettings, primary: Primary, hosts: Sequence[Address], name: str, options: dict[str, Any]
) -> Redis:
    """A client of the current primary of the service `name`."""
    own = {ours: options.pop(theirs) for theirs, ours in CREDENTIALS.items() if theirs in options}
    secure = {key: value for key, value in options.items() if key.startswith("ssl_")}
    transport = options.pop("connection_class", Connection)
    asked = {**pooled(settings), "peer": OneSentinel(), **secure, **own, "connection_class": transport}
    seconds = (settings.connect_timeout + settings.command_timeout).total_seconds()
    sentinels = Sentinels(hosts, asked, seconds)
    options = {**pool_options(settings, primary), **options, "ssl": transport is SSLConnection}
    return TimedRedis(WatchedPool(name, sentinels, **options), primary.timings)
