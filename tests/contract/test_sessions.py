"""What the sessions' store promises, on a Redis in memory and on a real one."""

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from service.domain.models import PAGE, Session
from service.domain.sessions.models import EndedSession
from service.settings import TokenSettings
from service.stores import redis_keys
from service.stores.scripts import Scripts
from service.stores.sessions import RedisSessions
from tests.support import builders
from tests.support.builders import FakeAmbient

CAP = 20
DAY = timedelta(days=1)
IDLE = timedelta(days=7)
LIFETIME = timedelta(days=30)
KEPT = timedelta(hours=1, seconds=65)  # the longest token, the leeway, and a minute
SLACK = timedelta(minutes=5)  # between writing a lifetime and reading what is left of it
DIGEST = b"d\0\r\n\xff" * 6


def made(redis: Redis, **settings: object) -> RedisSessions:
    """The store of an instance with these settings of `tokens`."""
    return RedisSessions(redis, Scripts(redis), TokenSettings.model_validate({"idle_lifetime": IDLE} | settings))


@pytest.fixture
def sessions(redis_client: Redis) -> RedisSessions:
    return made(redis_client)


async def opened(sessions: RedisSessions, ambient: FakeAmbient, **fields: object) -> Session:
    session = builders.session(ambient, **fields)
    assert await sessions.open(session, DIGEST) == []
    return session


async def use(sessions: RedisSessions, session: Session, ambient: FakeAmbient) -> Session | None:
    return await sessions.use(session.id, DIGEST, ambient.now())


async def left_of(redis: Redis, key: str) -> timedelta:
    return timedelta(milliseconds=await redis.pttl(key))


def ended(sessions: Sequence[Session]) -> list[EndedSession]:
    return [EndedSession(one.id, one.user_id) for one in sessions]


async def test_a_session_is_used_as_often_as_one_likes(sessions: RedisSessions, ambient: FakeAmbient) -> None:
    session = await opened(sessions, ambient)
    for _ in range(3):
        ambient.advance(days=1, milliseconds=7)
        assert await use(sessions, session, ambient) == replace(session, last_used_at=ambient.now())
    assert list(await sessions.all_of(session.user_id, ambient.now())) == [replace(session, last_used_at=ambient.now())]


async def test_a_wrong_digest_finds_nothing_and_harms_nothing(sessions: RedisSessions, ambient: FakeAmbient) -> None:
    session = await opened(sessions, ambient)
    for wrong in (b"", DIGEST[:-1], DIGEST + b"\0", DIGEST[::-1]):
        assert await sessions.use(session.id, wrong, ambient.now()) is None
    assert await use(sessions, session, ambient) == session


async def test_a_session_is_used_by_its_own_client_alone(sessions: RedisSessions, ambient: FakeAmbient) -> None:
    own = await opened(sessions, ambient)
    shop = await opened(sessions, ambient, client_id="shop")
    for session, others in ((own, ("shop", "SHOP")), (shop, ("", "bank", "sho"))):
        for other in others:
            assert await sessions.use(session.id, DIGEST, ambient.now(), other) is None
        assert await sessions.use(session.id, DIGEST, ambient.now(), session.client_id) == session


async def test_a_session_is_on_record_whatever_token_is_shown(sessions: RedisSessions, ambient: FakeAmbient) -> None:
    session = await opened(sessions, ambient, client_id="shop")
    assert await sessions.on_record(session.id) == session
    assert await sessions.on_record(ambient.new_id()) is None
    await sessions.remove([EndedSession(session.id, session.user_id)])
    assert await sessions.on_record(session.id) is None


async def test_a_session_that_never_was_is_not_used(sessions: RedisSessions, ambient: FakeAmbient) -> None:
    assert await sessions.use(ambient.new_id(), DIGEST, ambient.now()) is None
    assert await sessions.use(ambient.new_id(), b"", ambient.now()) is None
    assert list(await sessions.all_of(ambient.new_uuid(), ambient.now())) == []


async def test_the_oldest_session_comes_first_and_others_are_nobody_s_business(
    sessions: RedisSessions, ambient: FakeAmbient
) -> None:
    user_id, held = ambient.new_uuid(), []
    for _ in range(3):
        held.append(await opened(sessions, ambient, user_id=user_id))
        await opened(sessions, ambient)
        ambient.advance(seconds=1)
    assert list(await sessions.all_of(user_id, ambient.now())) == held


async def test_what_is_removed_is_gone_from_the_index_too(
    sessions: RedisSessions, redis_client: Redis, ambient: FakeAmbient
) -> None:
    user_id = ambient.new_uuid()
    one, two = [await opened(sessions, ambient, user_id=user_id) for _ in range(2)]
    await sessions.remove(ended([one, builders.session(ambient)]))
    await sessions.remove([])
    assert await use(sessions, one, ambient) is None
    assert await use(sessions, two, ambient) == two
    assert await redis_client.zrange(redis_keys.sessions_of(user_id), 0, -1) == [two.id.encode()]
    await sessions.remove(ended([two]))
    assert await redis_client.keys() == []


async def test_more_sessions_than_fit_a_pipeline_are_removed(sessions: RedisSessions, ambient: FakeAmbient) -> None:
    last = await opened(sessions, ambient)
    await sessions.remove(ended([*(builders.session(ambient) for _ in range(1500)), last]))
    assert await use(sessions, last, ambient) is None


async def test_use_never_moves_the_absolute_end(
    sessions: RedisSessions, redis_client: Redis, ambient: FakeAmbient
) -> None:
    session = await opened(sessions, ambient)
    for days, left in ((6, IDLE), (6, IDLE), (6, IDLE), (6, 6 * DAY), (5, DAY)):
        ambient.advance(days=days)
        used = await use(sessions, session, ambient)
        assert used
        assert used.ends_at == session.ends_at
        await redis_client.persist(redis_keys.session(session.id))
        assert await use(sessions, session, ambient)
        assert left + KEPT - SLACK < await left_of(redis_client, redis_keys.session(session.id)) <= left + KEPT
    ambient.advance(days=1, milliseconds=-1)
    assert await use(sessions, session, ambient)
    ambient.advance(milliseconds=1)
    assert await use(sessions, session, ambient) is None


async def test_an_idle_session_ends_and_use_begins_its_time_anew(
    sessions: RedisSessions, redis_client: Redis, ambient: FakeAmbient
) -> None:
    session = await opened(sessions, ambient)
    ambient.advance(days=7, milliseconds=-1)
    assert await sessions.use(session.id, b"wrong", ambient.now()) is None
    assert await use(sessions, session, ambient)
    ambient.advance(days=7, milliseconds=-1)
    assert await sessions.find(session.id, DIGEST, ambient.now())
    ambient.advance(milliseconds=1)
    assert await sessions.find(session.id, DIGEST, ambient.now()) is None
    assert await use(sessions, session, ambient) is None


async def test_a_record_outlives_its_session_by_as_long_as_a_token_of_it_may_be_shown(
    sessions: RedisSessions, redis_client: Redis, ambient: FakeAmbient
) -> None:
    session = await opened(sessions, ambient)
    key = redis_keys.session(session.id)
    assert IDLE + KEPT - SLACK < await left_of(redis_client, key) <= IDLE + KEPT
    await redis_client.pexpire(key, DAY)
    assert await sessions.use(session.id, b"wrong", ambient.now()) is None
    assert await left_of(redis_client, key) <= DAY
    await use(sessions, session, ambient)
    assert IDLE + KEPT - SLACK < await left_of(redis_client, key) <= IDLE + KEPT
    ambient.advance(days=7)
    assert await sessions.all_of(session.user_id, ambient.now()) == []
    assert await sessions.ids_of(session.user_id) == [session.id]  # so that its last tokens can be ended


async def test_an_idle_lifetime_beyond_the_absolute_end_adds_nothing(redis_client: Redis, ambient: FakeAmbient) -> None:
    session = builders.session(ambient)
    await made(redis_client, idle_lifetime=2 * LIFETIME).open(session, DIGEST)
    assert LIFETIME < await left_of(redis_client, redis_keys.session(session.id)) <= LIFETIME + KEPT


async def test_sessions_over_the_cap_are_named_until_they_are_removed(
    sessions: RedisSessions, ambient: FakeAmbient
) -> None:
    user_id, held = ambient.new_uuid(), []
    for _ in range(CAP):
        held.append(await opened(sessions, ambient, user_id=user_id))
        ambient.advance(seconds=1)
    assert await sessions.open(builders.session(ambient, user_id=user_id), DIGEST) == [held[0].id]
    ambient.advance(seconds=1)
    over = await sessions.open(builders.session(ambient, user_id=user_id), DIGEST)
    assert over == [held[0].id, held[1].id]
    await sessions.remove(ended(held[:2]))
    assert len(await sessions.all_of(user_id, ambient.now())) == CAP
    ambient.advance(seconds=1)
    assert await sessions.open(builders.session(ambient, user_id=user_id), DIGEST) == [held[2].id]


async def test_parallel_logins_leave_no_more_than_the_cap(sessions: RedisSessions, ambient: FakeAmbient) -> None:
    user_id = ambient.new_uuid()
    held = {one.id: one for one in (builders.session(ambient, user_id=user_id) for _ in range(CAP + 10))}

    async def log_in(session: Session) -> None:
        over = await sessions.open(session, DIGEST)
        await sessions.remove(ended([held[session_id] for session_id in over]))

    await asyncio.gather(*(log_in(session) for session in held.values()))
    assert len(await sessions.all_of(user_id, ambient.now())) <= CAP


async def test_the_index_lives_as_long_as_the_last_session_may(
    sessions: RedisSessions, redis_client: Redis, ambient: FakeAmbient
) -> None:
    session = await opened(sessions, ambient)
    index = redis_keys.sessions_of(session.user_id)
    await redis_client.pexpire(index, DAY)
    ambient.advance(days=1)
    await opened(sessions, ambient, user_id=session.user_id)
    assert LIFETIME + KEPT - SLACK < await left_of(redis_client, index) <= LIFETIME + KEPT


async def test_sessions_that_are_over_do_not_count_for_the_cap(redis_client: Redis, ambient: FakeAmbient) -> None:
    sessions = made(redis_client, max_sessions=2)
    user_id = ambient.new_uuid()
    for _ in range(2):
        await opened(sessions, ambient, user_id=user_id)
    ambient.advance(days=7)
    live = await opened(sessions, ambient, user_id=user_id)
    ambient.advance(days=1)
    assert await sessions.open(builders.session(ambient, user_id=user_id), DIGEST) == []
    assert live.id in {one.id for one in await sessions.all_of(user_id, ambient.now())}


async def test_what_has_no_record_any_more_leaves_the_index_when_the_cap_is_reached(
    redis_client: Redis, ambient: FakeAmbient
) -> None:
    sessions = made(redis_client, max_sessions=2)
    gone = await opened(sessions, ambient)
    ambient.advance(seconds=1)
    live = await opened(sessions, ambient, user_id=gone.user_id)
    await redis_client.delete(redis_keys.session(gone.id))
    ambient.advance(seconds=1)
    new = await opened(sessions, ambient, user_id=gone.user_id)
    assert await sessions.ids_of(gone.user_id) == [live.id, new.id]


async def test_only_sessions_from_before_a_moment_are_named_where_one_is_given(
    sessions: RedisSessions, ambient: FakeAmbient
) -> None:
    old = await opened(sessions, ambient)
    ambient.advance(seconds=1)
    young = await opened(sessions, ambient, user_id=old.user_id)
    assert await sessions.ids_of(old.user_id, ambient.now()) == [old.id]
    assert await sessions.ids_of(old.user_id) == [old.id, young.id]


async def test_the_index_is_a_hint_and_the_hash_the_truth(
    sessions: RedisSessions, redis_client: Redis, ambient: FakeAmbient
) -> None:
    gone = await opened(sessions, ambient)
    live = await opened(sessions, ambient, user_id=gone.user_id)
    await redis_client.delete(redis_keys.session(gone.id))
    assert list(await sessions.all_of(gone.user_id, ambient.now())) == [live]


NOISE = base64.b64encode(bytes(number * 89 % 251 for number in range(96))).decode()  # 128 that hardly pack


@pytest.mark.parametrize("agent", ["", "x" * 64, "x" * 65, "x" * 128, NOISE, "na\u00efve " + "x" * 58, "\u00e9" * 64])
async def test_a_user_agent_of_up_to_128_bytes_survives(
    sessions: RedisSessions, ambient: FakeAmbient, agent: str
) -> None:
    session = await opened(sessions, ambient, user_agent=agent)
    assert await use(sessions, session, ambient) == session


@pytest.mark.parametrize("agent", ["x" * 500, "x" + "\u00e9" * 127, "\U0001f469" * 128, "x\u20ac" * 64])
async def test_a_longer_user_agent_is_cut_between_characters(
    sessions: RedisSessions, ambient: FakeAmbient, agent: str
) -> None:
    session = await opened(sessions, ambient, user_agent=agent)
    kept = (await sessions.all_of(session.user_id, ambient.now()))[0].user_agent
    assert agent.startswith(kept)
    assert 124 < len(kept.encode()) <= 128


async def test_a_full_session_stays_compact_in_redis(
    sessions: RedisSessions, redis_client: Redis, request: pytest.FixtureRequest, ambient: FakeAmbient
) -> None:
    if "fake" in request.node.name:
        pytest.skip("a Redis in memory has no encodings")
    session = await opened(sessions, ambient, user_agent=NOISE, source="2001:db8:aaaa:bbbb::/64")
    assert await redis_client.object("ENCODING", redis_keys.session(session.id)) in (b"ziplist", b"listpack")


async def test_a_session_is_found_by_its_token_without_being_used(
    sessions: RedisSessions, redis_client: Redis, ambient: FakeAmbient
) -> None:
    session = await opened(sessions, ambient)
    key = redis_keys.session(session.id)
    before = await redis_client.hgetall(key)
    await redis_client.pexpire(key, DAY)
    ambient.advance(hours=1)
    assert await sessions.find(session.id, DIGEST, ambient.now()) == session
    assert await redis_client.hgetall(key) == before
    assert await left_of(redis_client, key) <= DAY
    for wrong in (b"", DIGEST[:-1], DIGEST[::-1]):
        assert await sessions.find(session.id, wrong, ambient.now()) is None
    assert await sessions.find(ambient.new_id(), DIGEST, ambient.now()) is None
    assert await sessions.find(session.id, DIGEST, session.ends_at) is None


async def test_a_shorter_setting_never_shortens_the_life_of_a_record_or_an_index(
    sessions: RedisSessions, redis_client: Redis, ambient: FakeAmbient
) -> None:
    session = await opened(sessions, ambient)
    short = made(redis_client, idle_lifetime=DAY, refresh_lifetime=DAY)
    assert await use(short, session, ambient)
    assert await short.open(builders.session(ambient, user_id=session.user_id), DIGEST) == []
    assert await left_of(redis_client, redis_keys.session(session.id)) > IDLE
    assert await left_of(redis_client, redis_keys.sessions_of(session.user_id)) > LIFETIME


async def test_an_index_lives_as_long_as_the_tokens_of_a_longer_setting(
    redis_client: Redis, ambient: FakeAmbient
) -> None:
    brief = timedelta(minutes=1)
    short = made(redis_client, idle_lifetime=brief, refresh_lifetime=brief, id_lifetime=brief, access_lifetime=brief)
    session = await opened(short, ambient, ends_at=ambient.now() + brief)
    index = redis_keys.sessions_of(session.user_id)
    assert await left_of(redis_client, index) < timedelta(minutes=10)
    assert await use(made(redis_client, id_lifetime=DAY), session, ambient)
    assert await left_of(redis_client, index) > DAY - SLACK


async def test_what_kind_a_session_is_of_stays_with_it(sessions: RedisSessions, ambient: FakeAmbient) -> None:
    page, program = await opened(sessions, ambient, kind=PAGE), await opened(sessions, ambient)
    for session, kind in ((page, "page"), (program, "")):
        for found in (
            await sessions.find(session.id, DIGEST, ambient.now()),
            await sessions.on_record(session.id),
            await use(sessions, session, ambient),
            *await sessions.all_of(session.user_id, ambient.now()),
        ):
            assert found is not None
            assert found.kind == kind
