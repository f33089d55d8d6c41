"""What the denylist promises, on a Redis in memory and on a real one."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import BlockingConnectionPool, Connection, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

from service.coalescing import MOST
from service.domain.sessions.ports import ForgottenError
from service.stores import redis_keys
from service.stores.denylist import RedisDenylist
from service.stores.redis import RedisServer
from service.stores.timed_redis import TimedPipeline, TimedRedis
from tests.support.builders import FakeAmbient, remembering
from tests.support.waiting import until

HOUR = timedelta(hours=1)
SLACK = timedelta(minutes=1)  # between writing a lifetime and reading what is left of it


@pytest.fixture
def server() -> RedisServer:
    return RedisServer(b"this run")


@pytest.fixture
async def denylist(redis_client: Redis, server: RedisServer, ambient: FakeAmbient) -> RedisDenylist:
    """Whole and empty."""
    denylist = RedisDenylist(redis_client, server, ambient)
    await denylist.restore(remembering({}))
    return denylist


async def refuses_to_answer(denylist: RedisDenylist) -> bool:
    with pytest.raises(ForgottenError):
        await denylist.has("token", "session", "key")
    with pytest.raises(ForgottenError):
        await denylist.add({"token": HOUR}, {"session": HOUR})
    return not await denylist.is_complete()


async def test_a_revoked_token_is_denied_and_its_session_is_not(denylist: RedisDenylist) -> None:
    await denylist.add({"token": HOUR}, {})
    assert await denylist.has("token", "session", "key")
    assert not await denylist.has("other", "session", "key")
    assert not await denylist.has("session", "token", "key")


async def test_a_revoked_session_denies_every_token_of_it(denylist: RedisDenylist) -> None:
    await denylist.add({}, {"session": HOUR, "another": HOUR})
    assert await denylist.has("token", "session", "key")
    assert await denylist.has("", "another", "key")
    assert not await denylist.has("token", "third", "key")


async def test_a_revoked_key_denies_every_token_that_it_signed(denylist: RedisDenylist) -> None:
    await denylist.add({}, {}, {"leaked": HOUR})
    assert await denylist.has("token", "session", "leaked")
    assert not await denylist.has("token", "session", "key")
    assert [await denylist.denies_key(one) for one in ("leaked", "key")] == [True, False]


async def test_questions_that_travel_together_get_each_its_own_answer(denylist: RedisDenylist) -> None:
    await denylist.add({"token 1": HOUR}, {"session 2": HOUR}, {"leaked": HOUR})
    asked = [
        denylist.has("token 1", "session 1", "key"),
        denylist.has("token 2", "session 2", "key"),
        denylist.has("token 3", "session 3", "leaked"),
        denylist.has("token 4", "session 4", "key"),
        denylist.denies_key("leaked"),
        denylist.denies_key("key"),
    ]
    assert await asyncio.gather(*asked) == [True, True, True, False, True, False]


async def test_entries_live_for_as_long_as_was_asked(denylist: RedisDenylist, redis_client: Redis) -> None:
    await denylist.add({"token": HOUR, "moment": timedelta(milliseconds=90_500)}, {"session": 2 * HOUR})
    asked = {
        redis_keys.denied_token("token"): HOUR,
        redis_keys.denied_token("moment"): timedelta(seconds=90.5),
        redis_keys.denied_session("session"): 2 * HOUR,
    }
    for key, lifetime in asked.items():
        assert lifetime - SLACK < timedelta(milliseconds=await redis_client.pttl(key)) <= lifetime


async def test_restored_entries_live_for_as_long_as_was_asked(denylist: RedisDenylist, redis_client: Redis) -> None:
    await redis_client.delete(redis_keys.EPOCH)
    await denylist.restore(remembering({f"session {number}": HOUR for number in range(1500)}))
    for number in (0, 999, 1000, 1499):
        assert await denylist.has("", f"session {number}", "key")
        left = timedelta(milliseconds=await redis_client.pttl(redis_keys.denied_session(f"session {number}")))
        assert HOUR - SLACK < left <= HOUR


async def test_an_empty_store_is_not_trusted(redis_client: Redis, server: RedisServer, ambient: FakeAmbient) -> None:
    assert await refuses_to_answer(RedisDenylist(redis_client, server, ambient))


async def test_a_client_that_does_not_know_its_server_trusts_nothing(redis_client: Redis, ambient: FakeAmbient) -> None:
    unknown = RedisDenylist(redis_client, RedisServer(), ambient)
    assert await refuses_to_answer(unknown)
    await redis_client.set(redis_keys.EPOCH, b"another run")
    assert await refuses_to_answer(unknown)


async def test_a_flushed_store_is_found_out_and_restoring_heals_it(
    denylist: RedisDenylist, redis_client: Redis
) -> None:
    await denylist.add({}, {"session": HOUR})
    await redis_client.flushall()
    assert await refuses_to_answer(denylist)
    await denylist.restore(remembering({"session": HOUR}))
    assert await denylist.is_complete()
    assert await denylist.has("other token", "session", "key")
    assert not await denylist.has("other token", "other session", "key")


async def test_a_store_of_another_run_is_found_out_and_restoring_heals_it(
    denylist: RedisDenylist, server: RedisServer
) -> None:
    server.run_id = b"the next run"
    assert await refuses_to_answer(denylist)
    await denylist.restore(remembering({"session": HOUR}))
    assert await denylist.is_complete()
    assert await denylist.has("token", "session", "key")


async def test_when_the_greetings_of_two_servers_cross_neither_is_believed_for_the_other() -> None:
    """Behind Sentinel: a promoted replica still holds the marker that names the server before it."""
    server, before, after = RedisServer(), Connection(), Connection()
    client = TimedRedis(BlockingConnectionPool(), server.timings)
    server.note(after, b"the promoted.one")
    server.note(before, b"the one before")
    said = {}
    for connection in (before, after):
        pipe = client.pipeline()
        assert isinstance(pipe, TimedPipeline)
        pipe.carrier = connection
        said[connection] = server.runs_of(pipe, 1)
    assert said == {before: [b"the one before"], after: [b""]}
    server.learn({"run_id": "the promoted", "master_replid": "one", "role": "master"})
    assert server.runs_of(pipe, 1) == [b"the promoted.one"]


async def test_what_one_instance_restores_all_trust(
    denylist: RedisDenylist, redis_client: Redis, server: RedisServer, ambient: FakeAmbient
) -> None:
    other = RedisDenylist(redis_client, server, ambient)
    assert await other.is_complete()
    await redis_client.flushall()
    await denylist.restore(remembering({"session": HOUR}))
    assert await other.has("token", "session", "key")


def interrupted(redis: Redis, *command: str | bytes) -> Redis:
    """The same Redis, but just before the restoring is declared complete something happens to it."""
    kind = type(redis)

    class Interrupted(kind):  # type: ignore[valid-type, misc] # a subclass of whichever of the two it is
        async def execute_command(self, *args: Any, **options: Any) -> Any:
            if args[0] == "EVAL":
                await super().execute_command(*command)
            return await super().execute_command(*args, **options)

    return Interrupted(connection_pool=redis.connection_pool)


async def test_a_store_flushed_half_way_through_restoring_is_found_out(
    redis_client: Redis, server: RedisServer, ambient: FakeAmbient
) -> None:
    denylist = RedisDenylist(interrupted(redis_client, "FLUSHALL"), server, ambient)
    with pytest.raises(ForgottenError):
        await denylist.restore(remembering({"session": HOUR}))
    assert await refuses_to_answer(denylist)


async def test_two_restorings_at_once_never_vouch_for_each_other(
    redis_client: Redis, server: RedisServer, ambient: FakeAmbient
) -> None:
    denylist = RedisDenylist(interrupted(redis_client, "SET", redis_keys.EPOCH, b"restoring other"), server, ambient)
    with pytest.raises(ForgottenError):
        await denylist.restore(remembering({"session": HOUR}))
    assert await refuses_to_answer(denylist)


async def is_restored(redis: Redis) -> bool:
    marker: bytes | None = await redis.get(redis_keys.EPOCH)  # type: ignore[assignment] # redis-py thinks it decodes
    return marker is not None and marker.startswith(b"restoring")


async def test_nobody_trusts_a_store_while_it_is_restored(
    denylist: RedisDenylist, redis_client: Redis, server: RedisServer, ambient: FakeAmbient
) -> None:
    slow = RedisDenylist(interrupted(redis_client, "PING"), server, ambient)
    server.run_id = b"the next run"
    restoring = asyncio.create_task(slow.restore(remembering({f"session {number}": HOUR for number in range(3000)})))
    await until(lambda: is_restored(redis_client), step=0)
    answer = asyncio.gather(denylist.has("", "session 2999", "key"), return_exceptions=True)
    await restoring
    (said,) = await answer
    assert said is True or isinstance(said, ForgottenError)
    assert await denylist.has("", "session 2999", "key")


async def test_questions_asked_at_once_are_answered_each_for_itself(denylist: RedisDenylist) -> None:
    await denylist.add({f"token {number}": HOUR for number in range(0, 100, 3)}, {"session 50": HOUR})
    asked = [denylist.has(f"token {number}", f"session {number}", "key") for number in range(100)]
    assert await asyncio.gather(*asked) == [number % 3 == 0 or number == 50 for number in range(100)]


async def test_questions_of_one_loop_turn_cost_one_round_trip(
    redis: Redis, server: RedisServer, ambient: FakeAmbient
) -> None:
    denylist = RedisDenylist(redis, server, ambient)
    await denylist.restore(remembering({}))
    for questions, timings in ((1, 1), (300, 1), (MOST + 1, 2)):
        await redis.config_resetstat()
        await asyncio.gather(*(denylist.has(f"token {number}", "session", "key") for number in range(questions)))
        spent = await redis.info("commandstats")
        assert spent["cmdstat_mget"]["calls"] == timings
        assert "cmdstat_get" not in spent


async def test_everyone_in_a_round_trip_that_fails_is_told(server: RedisServer, ambient: FakeAmbient) -> None:
    async with Redis(unix_socket_path="/nowhere/redis.sock", retry=Retry(NoBackoff(), 0)) as nobody:
        denylist = RedisDenylist(nobody, server, ambient)
        asked = [denylist.has("token", f"session {number}", "key") for number in range(10)]
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [RedisConnectionError] * 10


async def test_a_question_that_was_given_up_harms_no_other(denylist: RedisDenylist) -> None:
    await denylist.add({"token": HOUR}, {})
    given_up = asyncio.create_task(denylist.has("other", "session", "key"))
    kept = asyncio.create_task(denylist.has("token", "session", "key"))
    await asyncio.sleep(0)
    given_up.cancel()
    assert await kept
    assert given_up.cancelled()


async def put_forward(redis: Redis, span: timedelta) -> None:
    """What a clock of Redis that is put forward does to its keys."""
    for key in await redis.keys():
        left = await redis.pttl(key)
        if left != -1:
            await redis.pexpire(key, left - span // timedelta(milliseconds=1))


async def test_a_clock_of_redis_that_is_put_forward_is_found_out_before_a_denial_lapses(
    denylist: RedisDenylist, redis_client: Redis
) -> None:
    await denylist.add({}, {"over": HOUR})
    await put_forward(redis_client, HOUR)
    with pytest.raises(ForgottenError):
        await denylist.has("token", "over", "key")
    assert not await denylist.is_complete()
    await denylist.restore(remembering({"over": HOUR}))
    assert await denylist.has("token", "over", "key")


async def test_a_look_at_the_denylist_prolongs_what_says_that_it_is_complete(
    denylist: RedisDenylist, redis_client: Redis, ambient: FakeAmbient
) -> None:
    for _ in range(10):
        await put_forward(redis_client, timedelta(seconds=30))
        ambient.advance(seconds=30)
        assert await denylist.is_complete()


async def test_what_is_revoked_while_postgres_is_asked_is_not_acknowledged(
    denylist: RedisDenylist, redis_client: Redis
) -> None:
    """The list that is read may not hold it, and would be taken for complete."""
    await redis_client.flushall()

    async def remembered() -> dict[str, timedelta]:
        with pytest.raises(ForgottenError):
            await denylist.add({}, {"late": HOUR})
        return {}

    await denylist.restore(remembered)
    assert await denylist.is_complete()


async def test_a_list_that_was_read_before_another_restoring_is_not_taken_for_complete(
    denylist: RedisDenylist, redis_client: Redis, server: RedisServer, ambient: FakeAmbient
) -> None:
    """Meanwhile another instance restored, acknowledged an ending, and Redis was emptied again."""
    other = RedisDenylist(redis_client, server, ambient)
    await redis_client.flushall()

    async def remembered() -> dict[str, timedelta]:
        await other.restore(remembering({}))
        await other.add({}, {"late": HOUR})
        await redis_client.flushall()
        return {}

    with pytest.raises(ForgottenError):
        await denylist.restore(remembered)
    assert not await denylist.is_complete()
