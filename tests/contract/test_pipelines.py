"""A pipeline is sent in one piece, and each reply belongs to its command."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis
from redis.exceptions import DataError, ResponseError

from service.embedded import Stores
from service.settings import RedisSettings
from service.stores.connect import connect
from service.stores.timed_redis import OUTAGES, TimedPipeline
from tests.support.waiting import PATIENCE

LARGE = 1_000_000  # bytes: more than a socket takes at once
SLOW = "local n = 0 for i = 1, 20000000 do n = n + i end return n"


@pytest.fixture
async def client(embedded: Stores, redis: Redis) -> AsyncIterator[Redis]:
    patient = {"command_timeout": f"{PATIENCE:.0f}s", "acquire_timeout": f"{PATIENCE:.0f}s", "max_connections": 1}
    client, _ = connect(RedisSettings.model_validate({"url": SecretStr(embedded.redis.url)} | patient))
    yield client
    await client.aclose()


async def test_replies_come_in_the_order_of_the_commands_and_an_error_disturbs_none(client: Redis) -> None:
    async with client.pipeline(transaction=False) as pipe:
        pipe.set("text", "äöü", px=10_000)
        pipe.execute_command("NO_SUCH_COMMAND")
        pipe.execute_command("CONFIG GET", "maxmemory")  # a name of two words
        pipe.mget(["text", "nothing"])
        said = await pipe.execute(raise_on_error=False)
    assert said[0]
    assert isinstance(said[1], ResponseError)
    assert set(said[2]) == {"maxmemory"}
    assert said[3] == ["äöü".encode(), None]


async def test_an_error_is_raised_after_all_replies_were_read(client: Redis) -> None:
    async with client.pipeline(transaction=False) as pipe:
        pipe.execute_command("NO_SUCH_COMMAND")
        pipe.set("one", 1, px=10_000)
        with pytest.raises(ResponseError):
            await pipe.execute()
    assert await client.get("one") == b"1"


@pytest.mark.parametrize("unfit", [None, "\ud800", object()], ids=["none", "surrogate", "object"])
async def test_a_command_that_cannot_be_sent_leaves_no_reply_for_the_next_one(client: Redis, unfit: object) -> None:
    """There is only one connection."""
    async with client.pipeline(transaction=False) as pipe:
        pipe.echo("first")
        pipe.execute_command("ECHO", unfit)
        with pytest.raises((DataError, UnicodeEncodeError)):
            await pipe.execute()
    assert await client.echo("second") == b"second"


async def test_more_than_a_socket_takes_at_once_arrives_whole(client: Redis) -> None:
    async with client.pipeline(transaction=False) as pipe:
        for number in range(5):
            pipe.set(f"large {number}", bytes(LARGE), px=10_000)
            pipe.strlen(f"large {number}")
        assert (await pipe.execute())[1::2] == [LARGE] * 5


async def test_a_cancelled_pipeline_leaves_no_reply_for_the_next_one(client: Redis) -> None:
    """There is only one connection."""
    async with client.pipeline(transaction=False) as pipe:
        pipe.eval(SLOW, 0)
        pipe.echo("first")
        waiting = asyncio.create_task(pipe.execute())
        assert isinstance(pipe, TimedPipeline)
        while pipe.carrier is None:  # noqa: ASYNC110 - it raises no event
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
    assert waiting.cancelled()
    async with client.pipeline(transaction=False) as pipe:
        pipe.echo("second")
        assert await pipe.execute() == [b"second"]


async def test_a_connection_that_was_closed_before_it_is_used_is_an_outage(
    client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    get_connection = client.connection_pool.get_connection

    async def closed() -> object:
        connection = await get_connection()  # type: ignore[no-untyped-call] # redis-py has no types
        await connection.disconnect(nowait=True)
        return connection

    monkeypatch.setattr(client.connection_pool, "get_connection", closed)
    async with client.pipeline(transaction=False) as pipe:
        pipe.echo("lost")
        with pytest.raises(OUTAGES):
            await pipe.execute()
