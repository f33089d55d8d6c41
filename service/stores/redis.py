"""The connection to Redis: short patience, no second tries, and a note of which server is at the other end."""

from dataclasses import dataclass
from importlib.resources import files
from typing import cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.exceptions import RedisError

from service.settings import Redis as RedisSettings

OUTAGES: tuple[type[Exception], ...] = (RedisError, OSError, TimeoutError)


@dataclass(slots=True)
class Server:
    """The server at the other end. Another run id means a restart or a failover: it may have forgotten something.

    A replica has no id for us: its data are another server's, and may lack what was written to it as a primary.
    """

    run_id: bytes = b""

    async def greet(self, connection: AbstractConnection) -> None:
        await connection.on_connect()
        await connection.send_command("INFO")
        info = cast("bytes", await connection.read_response(disable_decoding=True)).decode()
        said = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
        self.hear(said["run_id"], said["role"])

    def hear(self, run_id: str, role: str) -> None:
        """Take note of what INFO says."""
        self.run_id = run_id.encode() if role == "master" else b""


def connect(settings: RedisSettings, server: Server) -> Redis:
    """A client that connects when first used.

    redis-py's own defaults try ten times, also what must happen once, and hold a request for a minute when the server
    hangs; its default pool raises at the limit instead of waiting.
    """
    pool = BlockingConnectionPool.from_url(
        settings.url.get_secret_value(),
        max_connections=settings.max_connections,
        timeout=settings.acquire_timeout.total_seconds(),
        socket_timeout=settings.command_timeout.total_seconds(),
        socket_connect_timeout=settings.connect_timeout.total_seconds(),
        retry=Retry(NoBackoff(), 0),
        retry_on_error=[],
        redis_connect_func=server.greet,
        driver_info=DriverInfo(),  # once, and not by a look at the installed packages for every connection
    )
    return Redis.from_pool(pool)


def script(name: str) -> str:
    """The text of a Lua file of ours."""
    return (files("service.stores") / "lua" / name).read_text(encoding="utf-8")
