"""A Redis client that times its round trips, and sends a pipeline in one piece at little cost."""

from typing import Any

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.connection import AbstractConnection, Connection
from redis.connection import HiredisRespSerializer
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError, ResponseError

from service.stores.timings import Timings

OUTAGES: tuple[type[Exception], ...] = (RedisError, OSError, TimeoutError)
PACKER = HiredisRespSerializer()


class TimedRedis(Redis):
    """A client that times its round trips."""

    def __init__(self, pool: ConnectionPool, timings: Timings) -> None:
        super().__init__(connection_pool=pool)
        self.auto_close_connection_pool = True  # as `from_pool` does: the pool is not shared
        self.timings = timings

    async def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - redis-py's own
        with self.timings.timed(OUTAGES):
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call] # it has no types

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:  # noqa: FBT001, FBT002 - redis-py's own signature
        return TimedPipeline(self, transaction, shard_hint)


class TimedPipeline(Pipeline):
    """A pipeline that records the connection it was sent over, and sends its commands at once."""

    def __init__(self, client: TimedRedis, transaction: bool, shard_hint: str | None) -> None:  # noqa: FBT001 - as above
        super().__init__(client.connection_pool, client.response_callbacks, transaction, shard_hint)
        self._timings = client.timings
        self.carrier: AbstractConnection | None = None

    async def _execute_pipeline(
        self,
        connection: Connection,
        commands: Any,  # noqa: ANN401 - redis-py's own
        raise_on_error: bool,  # noqa: FBT001 - redis-py's own signature
    ) -> Any:  # noqa: ANN401 - redis-py's own
        """Cheaper than redis-py's own, which packs in Python, and limits the sending by a task of its own.

        Nothing waits for the sending: the time for the first reply limits both.
        """
        self.carrier = connection
        writer = connection._writer  # noqa: SLF001 - redis-py has no public accessor for it
        if writer is None:
            raise RedisConnectionError("the connection was closed before it was used")
        # All is packed before any is sent: after a command that cannot be packed, others would leave replies behind.
        writer.writelines([part for args, _ in commands for part in PACKER.pack(*args)])
        replies: list[Any] = []
        for args, options in commands:
            try:
                replies.append(await self.parse_response(connection, args[0], **options))
            except ResponseError as error:
                replies.append(error)
        if raise_on_error:
            self.raise_first_error(commands, replies)
        return replies

    async def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: FBT001, FBT002 - redis-py's own signature
        with self._timings.timed(OUTAGES):
            info = await super().execute(raise_on_error)
        for answer in info:
            if isinstance(answer, RedisError) and not isinstance(answer, NoScriptError):
                self._timings.fail(answer)
        return info
