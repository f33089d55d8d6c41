"""What swapping refresh tokens promises, on a Redis in memory and on a real one."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from service.domain.models import Session
from service.domain.sessions.models import Swap, SwapState
from service.settings import TokenSettings
from service.stores import redis_keys
from service.stores.scripts import Scripts
from service.stores.sessions import RedisSessions
from tests.support import builders
from tests.support.builders import FakeAmbient

FIRST, SECOND, THIRD = b"first digest\0\r\n", b"second digest\xff", b"third digest"
IDLE = timedelta(days=7)
GRACE = timedelta(seconds=10)
SLACK = timedelta(minutes=5)  # between writing a lifetime and reading what is left of it


@pytest.fixture
def sessions(redis_client: Redis) -> RedisSessions:
    return RedisSessions(redis_client, Scripts(redis_client), TokenSettings(idle_lifetime=IDLE))


@pytest.fixture
async def session(sessions: RedisSessions, ambient: FakeAmbient) -> Session:
    session = builders.session(ambient)
    await sessions.open(session, FIRST)
    return session


def swap(session: Session, ambient: FakeAmbient, shown: bytes, successor: bytes) -> Swap:
    return Swap(session.id, shown, successor, ambient.now(), GRACE)


async def test_a_successor_takes_the_place_of_its_token(
    sessions: RedisSessions, session: Session, ambient: FakeAmbient
) -> None:
    for number, (shown, successor) in enumerate(((FIRST, SECOND), (SECOND, THIRD)), 1):
        ambient.advance(minutes=1)
        swapped = await sessions.rotate(swap(session, ambient, shown, successor))
        assert (swapped.state, swapped.current, swapped.swaps) == (SwapState.RENEWED, successor, number)
        assert swapped.session
        assert (swapped.session.id, swapped.session.last_used_at) == (session.id, ambient.now())


async def test_a_token_is_not_used_up_by_another_client(sessions: RedisSessions, ambient: FakeAmbient) -> None:
    session = builders.session(ambient, client_id="shop")
    await sessions.open(session, FIRST)
    for other in ("", "bank"):
        swapped = await sessions.rotate(replace(swap(session, ambient, FIRST, SECOND), client_id=other))
        assert (swapped.state, swapped.session) == (SwapState.NOTHING, None)
    own = await sessions.rotate(replace(swap(session, ambient, FIRST, SECOND), client_id="shop"))
    assert (own.state, own.current) == (SwapState.RENEWED, SECOND)


async def grace_passes(redis: Redis, session: Session) -> None:
    """The clock of Redis cannot be moved; what was written by it can."""
    await redis.hincrby(redis_keys.session(session.id), "g", -(GRACE // timedelta(milliseconds=1)))


async def test_a_token_shown_again_within_the_grace_changes_nothing(
    sessions: RedisSessions, session: Session, ambient: FakeAmbient, redis_client: Redis
) -> None:
    await sessions.rotate(swap(session, ambient, FIRST, SECOND))
    ahead = FakeAmbient(ambient.now() + timedelta(hours=3))  # the clocks of instances do not count
    again = await sessions.rotate(swap(session, ahead, FIRST, THIRD))
    assert (again.state, again.current, again.swaps) == (SwapState.AGAIN, SECOND, 1)
    await grace_passes(redis_client, session)
    spent = await sessions.rotate(swap(session, ambient, FIRST, THIRD))
    assert (spent.state, spent.current) == (SwapState.SPENT, SECOND)


async def test_of_parallel_swaps_of_one_token_one_wins(
    sessions: RedisSessions, session: Session, ambient: FakeAmbient
) -> None:
    successors = [f"successor {number}".encode() for number in range(10)]
    swapped = await asyncio.gather(*(sessions.rotate(swap(session, ambient, FIRST, one)) for one in successors))
    assert sorted(one.state for one in swapped) == [SwapState.AGAIN] * 9 + [SwapState.RENEWED]
    assert len({one.current for one in swapped}) == 1
    assert {one.swaps for one in swapped} == {1}


async def test_what_was_never_a_token_of_the_session_is_unknown(
    sessions: RedisSessions, session: Session, ambient: FakeAmbient
) -> None:
    for wrong in (b"", b"wrong", FIRST[:-1]):
        assert (await sessions.rotate(swap(session, ambient, wrong, THIRD))).state is SwapState.UNKNOWN
    await sessions.rotate(swap(session, ambient, FIRST, SECOND))
    assert (await sessions.rotate(swap(session, ambient, b"", THIRD))).state is SwapState.UNKNOWN
    assert await sessions.find(session.id, SECOND, ambient.now())


async def test_there_is_nothing_to_swap_in_a_session_that_is_over(
    sessions: RedisSessions, session: Session, ambient: FakeAmbient, redis_client: Redis
) -> None:
    nobody = builders.session(ambient)
    assert (await sessions.rotate(swap(nobody, ambient, FIRST, SECOND))).state is SwapState.NOTHING
    ambient.advance(days=30)
    assert (await sessions.rotate(swap(session, ambient, FIRST, SECOND))).state is SwapState.NOTHING
    assert not await redis_client.exists(redis_keys.session(nobody.id))


async def test_a_swap_begins_the_idle_time_anew_and_never_moves_the_end(
    sessions: RedisSessions, session: Session, ambient: FakeAmbient, redis_client: Redis
) -> None:
    for _ in range(4):
        ambient.advance(days=7, milliseconds=-1)
        swapped = await sessions.rotate(swap(session, ambient, FIRST, FIRST))
        assert swapped.session
        assert swapped.session.ends_at == session.ends_at
    ambient.advance(days=2)
    await redis_client.persist(redis_keys.session(session.id))
    assert (await sessions.rotate(swap(session, ambient, FIRST, FIRST))).state is SwapState.RENEWED
    left = timedelta(milliseconds=await redis_client.pttl(redis_keys.session(session.id)))
    assert timedelta(0) < left <= timedelta(hours=2)  # what is left of its thirty days, and the life of a token
    ambient.advance(seconds=1)
    assert (await sessions.rotate(swap(session, ambient, FIRST, FIRST))).state is SwapState.NOTHING


async def test_finding_a_session_uses_nothing(
    sessions: RedisSessions, session: Session, ambient: FakeAmbient, redis_client: Redis
) -> None:
    before = await redis_client.hgetall(redis_keys.session(session.id))
    assert await sessions.find(session.id, FIRST, ambient.now()) == session
    assert await sessions.find(session.id, SECOND, ambient.now()) is None
    assert await sessions.find(ambient.new_id(), FIRST, ambient.now()) is None
    assert await redis_client.hgetall(redis_keys.session(session.id)) == before
    await sessions.rotate(swap(session, ambient, FIRST, SECOND))
    assert await sessions.find(session.id, FIRST, ambient.now())
    assert await sessions.find(session.id, SECOND, ambient.now())
    await grace_passes(redis_client, session)
    assert await sessions.find(session.id, FIRST, ambient.now()) is None
    ambient.advance(days=30)
    assert await sessions.find(session.id, SECOND, ambient.now()) is None
