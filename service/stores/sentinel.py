"""One primary that Sentinels watch: who it is, asked of all of them, for every new connection and once in a while."""

# mypy: disable-error-code="no-untyped-call"
# ... because redis-py's Sentinel has no types.

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection, SSLConnection
from redis.asyncio.sentinel import MasterNotFoundError, Sentinel, SentinelConnectionPool
from redis.exceptions import ConnectionError as RedisConnectionError

from service.settings import Redis as RedisSettings
from service.stores.redis import OUTAGES, Client, Server, identify, patience, short

FRESH = 1.0  # seconds until the Sentinels are asked again, though no connection broke
Address = tuple[str, int]
CREDENTIALS = {"sentinel_username": "username", "sentinel_password": "password"}


class Sentinels(Sentinel):
    async def discover_master(self, service_name: str) -> Address:
        """The primary's address, by the Sentinel that knows of the latest failover.

        redis-py believes the first that answers, which may be cut off from the others, and asks them one by one.
        """
        answers = await asyncio.gather(*(one.sentinel_masters() for one in self.sentinels), return_exceptions=True)
        states = [one[service_name] for one in answers if isinstance(one, Mapping) and service_name in one]
        latest = max(states, key=lambda state: int(state["config-epoch"]), default=None)
        if latest is None or not self.check_master_state(latest, service_name):
            raise MasterNotFoundError("no Sentinel knows of a living primary")
        return latest["ip"], latest["port"]


class WatchedPool(SentinelConnectionPool, BlockingConnectionPool):
    """Leaves a primary as soon as the Sentinels name another one, also one that is cut off and still answers."""

    _looked_at = 0.0
    _looking: asyncio.Task[None] | None = None

    async def ensure_connection(self, connection: AbstractConnection) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._looked_at >= FRESH and (self._looking is None or self._looking.done()):
            self._looked_at = now
            self._looking = asyncio.create_task(self._look())
        await super().ensure_connection(connection)

    async def aclose(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
        await super().aclose()
        await self.sentinel_manager.aclose()

    async def get_master_address(self) -> Address:
        before = self.master_address
        address: Address = await super().get_master_address()  # which closes what is idle
        if before not in (None, address):
            await self.update_active_connections_for_reconnect()
        return address

    async def _look(self) -> None:
        """Without any Sentinel the primary that we have is as good as it gets."""
        with suppress(*OUTAGES):
            await self.get_master_address()


def watched(
    settings: RedisSettings, server: Server, hosts: Sequence[Address], name: str, options: dict[str, Any]
) -> Redis:
    """A client of whichever server is the primary of the service `name`."""
    own = {ours: options.pop(theirs) for theirs, ours in CREDENTIALS.items() if theirs in options}
    secure = {key: value for key, value in options.items() if key.startswith("ssl_")}
    secure["ssl"] = options.pop("connection_class", None) is SSLConnection

    async def greet(connection: AbstractConnection) -> None:
        await connection.on_connect()
        run_id = await identify(connection)
        if not run_id:
            raise RedisConnectionError("the Sentinels name a server that is no primary")
        server.note(connection, run_id)

    sentinels = Sentinels(hosts, sentinel_kwargs=short(settings) | secure | own)
    pool = WatchedPool(name, sentinels, **patience(settings, greet) | options, ssl=secure["ssl"])
    return Client(pool, server.trips)
