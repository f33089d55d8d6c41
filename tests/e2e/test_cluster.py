"""On Redis Cluster: three primaries share the sessions, and each is found out by itself when it forgets."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from redis.asyncio import Redis
from redis.crc import key_slot

from service.ambient import Ambient
from service.domain.sessions.ports import ForgottenError
from service.settings import RedisSettings
from service.stores import redis_keys
from service.stores.cluster import PARTITIONS
from service.stores.connect import connect
from service.stores.denylist import RedisDenylist
from tests.conftest import Client, Instances
from tests.e2e.test_memory_loss import settles
from tests.support.builders import remembering
from tests.support.deployments import SLOTS, Clustered, clustered, part
from tests.support.waiting import brisk, shipped, unhurried, until

TIGHT = {"exempt": [], "login_source": "100/1h", "login_account_source": "5/1h"}
PATIENT = unhurried({})["redis"]  # a login that timed out may have been counted


def marker_of(session_id: str) -> str:
    """The epoch marker that a session is judged by."""
    return redis_keys.epoch(PARTITIONS[crc32(session_id.encode()) % len(PARTITIONS)])


def id_of(session: dict[str, Any]) -> str:
    return str(session["refreshToken"][3:27])


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Redis]:
    redis, _ = connect(RedisSettings.model_validate({"url": url} | PATIENT))
    try:
        yield redis
    finally:
        await redis.aclose()


@dataclass(frozen=True)
class Story:
    """Two instances, a member, and for each primary a session that is over and one that is not."""

    stand: Clustered
    here: Client
    there: Client
    person: dict[str, Any]
    over: list[dict[str, Any]]
    live: list[dict[str, Any]]

    async def all_is_well(self, but: int | None = None) -> None:
        """With every primary, or with all but one."""
        for number in {0, 1, 2} - {but}:
            for client in (self.here, self.there):
                assert (await client.me(self.over[number])).status == 401
                assert (await client.me(self.live[number])).status == 200

    async def unavailable(self, number: int) -> None:
        """The sessions of one primary."""
        for session in (self.over[number], self.live[number]):
            for client in (self.here, self.there):
                assert (await client.me(session)).status == 503

    async def is_healed(self, number: int) -> None:
        for client in (self.here, self.there):
            await settles(401, client.me, self.over[number])
            await settles(200, client.me, self.live[number])
            await settles(200, client.get, "/readyz")


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Clustered]:
    async with clustered(tmp_path) as stand:
        yield stand


@pytest.fixture
async def story(stand: Clustered, instances: Instances) -> Story:
    here, there = await instances(
        2, **brisk(redis={"url": stand.url}, tokens={"algorithm": "ES256", "max_sessions": 1000})
    )
    person = await here.sign_up()
    homes: dict[int, list[dict[str, Any]]] = {0: [], 1: [], 2: []}
    while min(map(len, homes.values())) < 2:
        session = await here.log_in(person)
        homes[key_slot(marker_of(id_of(session)).encode()) * 3 // SLOTS].append(session)
    over, live = [homes[number][0] for number in homes], [homes[number][1] for number in homes]
    for session in over:
        assert (await there.log_out(session)).status == 200
    return Story(stand, here, there, person, over, live)


async def test_the_four_calls_and_their_limits_hold_over_instances(story: Story, instances: Instances) -> None:
    await story.all_is_well()
    for number in range(3):
        assert (await story.there.refresh(story.live[number])).status == 200
        assert (await story.there.refresh(story.over[number])).status == 401
    strict = await instances(2, redis={"url": story.stand.url} | PATIENT, throttle=TIGHT)
    wrong = {"email": story.person["email"], "password": "WrongPass1!"}
    answers = [await strict[number % 2].post("/auth/login", wrong) for number in range(8)]
    assert [answer.status for answer in answers] == [*[401] * 5, *[429] * 3]
    listed = await (await story.here.get("/auth/sessions", Authorization=f"Bearer {story.live[0]['idToken']}")).json()
    assert {id_of(one) for one in story.live} <= {one["sessionId"] for one in listed["sessions"]}
    assert not {id_of(one) for one in story.over} & {one["sessionId"] for one in listed["sessions"]}


async def are_denied(denylist: RedisDenylist, key_id: str, sessions: Sequence[str]) -> list[bool]:
    """Asked in small groups, and again while an answer is too old to count: a busy machine takes seconds for a thousand."""
    answers: list[bool] = []
    for start in range(0, len(sessions), 50):
        group = sessions[start : start + 50]

        async def is_answered(group: Sequence[str] = group) -> bool:
            try:
                answers.extend(await asyncio.gather(*(denylist.has("token", session, key_id) for session in group)))
            except ForgottenError:
                return False
            return True

        await until(is_answered)
    return answers


async def test_a_leaked_key_is_denied_in_every_partition(stand: Clustered) -> None:
    redis, servers = connect(RedisSettings.model_validate({"url": stand.url} | PATIENT))
    denylist = RedisDenylist(redis, servers, Ambient())
    sessions = [f"session {number}" for number in range(1000)]
    hour = timedelta(hours=1)
    try:
        await denylist.restore(remembering({}))
        await denylist.add({}, {}, {"leaked": hour})
        assert all(await are_denied(denylist, "leaked", sessions))
        assert not any(await are_denied(denylist, "good", sessions))
        await stand.primaries[1].ask("FLUSHALL")
        assert not await denylist.is_complete()
        await denylist.restore(remembering(dict.fromkeys(sessions[::2], hour)), {"leaked": hour, "another": hour})
        assert all(await are_denied(denylist, "leaked", sessions))
        on_the_flushed = [
            name for name in sessions if servers.home_of(marker_of(name)) == str(stand.primaries[1].place)
        ]
        assert 200 < len(on_the_flushed) < 500
        answers = await are_denied(denylist, "good", on_the_flushed)
        assert answers == [session in sessions[::2] for session in on_the_flushed]
    finally:
        await redis.aclose()


@pytest.mark.faults
async def test_each_primary_must_not_evict(story: Story) -> None:
    assert (await story.here.get("/readyz")).status == 200
    await story.stand.primaries[2].ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")

    async def is_told() -> bool:
        answer = await story.here.get("/readyz")
        return answer.status == 503 and "noeviction" in await answer.text()

    await until(is_told)


async def test_a_primary_restarted_empty_is_healed_and_the_others_go_on(story: Story) -> None:
    lost = story.stand.primaries[1]
    lost.delete_expired()
    await story.unavailable(1)
    await story.all_is_well(but=1)
    lost.start()
    await asyncio.gather(story.all_is_well(but=1), until(lambda: story.stand.is_served(lost)))
    await story.is_healed(1)
    await story.all_is_well()


async def test_a_replica_that_takes_over_is_told_what_it_missed(story: Story) -> None:
    successor, lost = story.stand.successor, story.stand.primaries[0]
    session = story.live[0]
    slot = key_slot(marker_of(id_of(session)).encode())
    await until(successor.is_in_step)
    await part(lost, successor)
    assert (await story.here.log_out(session)).status == 200
    assert await successor.ask("CLUSTER COUNTKEYSINSLOT", slot) < await lost.ask("CLUSTER COUNTKEYSINSLOT", slot)
    lost.kill()
    await story.unavailable(0)
    await story.all_is_well(but=0)
    assert (await story.here.get("/readyz")).status == 200  # the others are worth coming for
    await until(lambda: story.stand.is_served(successor))
    for client in (story.here, story.there):
        await settles(401, client.me, session)
        await settles(401, client.me, story.over[0])
        await settles(401, client.refresh, session)
    for _ in range(10):  # sessions of every partition
        tokens = await story.here.log_in(story.person)
        await settles(200, story.there.me, tokens)


async def test_a_takeover_is_over_in_seconds_when_every_node_is_listed(story: Story, instances: Instances) -> None:
    """The instances have spoken to the replica as well, and ask it for its slots over connections from that time."""
    stand = story.stand
    successor, lost = stand.successor, stand.primaries[0]
    healthy = [
        redis_keys.epoch(one) for one in PARTITIONS if key_slot(redis_keys.epoch(one).encode()) * 3 // SLOTS != 0
    ]
    here, there = await instances(
        2,
        **brisk(
            redis={"url": f"redis+cluster://{','.join(one.address for one in (*stand.primaries, successor))}"},
            tokens={"algorithm": "ES256", "max_sessions": 1000},
        ),
    )
    both = replace(story, here=here, there=there)
    await both.all_is_well()
    await until(successor.is_in_step)
    async with connected(stand.url) as redis:
        markers = [await redis.get(marker) for marker in healthy]
        lost.kill()
        await both.unavailable(0)
        await until(lambda: stand.is_served(successor))
        await both.is_healed(0)
        for _ in range(20):
            await both.all_is_well()
        assert [await redis.get(marker) for marker in healthy] == markers


@pytest.mark.faults
async def test_a_hung_primary_holds_nobody_else_up(story: Story, instances: Instances) -> None:
    """By the timeouts of production; each answer of the hung one takes a quarter of the second."""
    here, there = await instances(2, **shipped(redis={"url": story.stand.url}, tokens={"algorithm": "ES256"}))
    story = replace(story, here=here, there=there)
    await story.all_is_well()
    story.stand.primaries[1].pause()
    await story.unavailable(1)
    over = asyncio.Event()

    async def insist() -> set[int]:
        heard = set()
        while not over.is_set():
            heard |= {(await client.me(story.live[1])).status for client in (story.here, story.there)}
        return heard

    insisting = asyncio.gather(*(insist() for _ in range(5)))
    async with asyncio.timeout(1):
        for _ in range(3):
            await story.all_is_well(but=1)
    over.set()
    assert await insisting == [{503}] * 5
    story.stand.primaries[1].resume()
    await story.is_healed(1)


@pytest.mark.faults
async def test_a_slot_moves_while_it_serves(story: Story) -> None:
    """In the middle its sessions are unavailable, at worst; afterwards its new server is told what it must know."""
    source, target = story.stand.primaries[0], story.stand.primaries[2]
    slot = key_slot(marker_of(id_of(story.over[0])).encode())
    moving = asyncio.create_task(story.stand.move(slot, source, target))
    while not moving.done():
        assert (await story.here.me(story.over[0])).status in (401, 503)
        assert (await story.there.me(story.live[0])).status in (200, 503)
        await story.all_is_well(but=0)
    await moving
    await story.is_healed(0)
    await story.all_is_well()
    assert await target.ask("EXISTS", marker_of(id_of(story.over[0]))) == 1
    assert (await story.there.refresh(story.live[0])).status == 200


@pytest.mark.faults
async def test_a_slot_in_the_middle_of_a_move_costs_its_own_denials_only(story: Story) -> None:
    stand = story.stand
    slot = key_slot(marker_of(id_of(story.over[0])).encode())
    await stand.announce(slot, stand.primaries[0], stand.primaries[2])
    await stand.carry(slot, stand.primaries[0], stand.primaries[2])
    await story.all_is_well(but=0)
    assert (await story.here.me(story.over[0])).status in (401, 503)
    assert (await story.here.get("/readyz")).status == 200
    await stand.move(slot, stand.primaries[0], stand.primaries[2])
    await story.is_healed(0)


@pytest.mark.faults
async def test_a_session_on_the_move_can_be_refreshed(story: Story) -> None:
    stand = story.stand
    slot = key_slot(redis_keys.session(id_of(story.live[0])).encode())
    source = stand.primaries[slot * 3 // SLOTS]
    target = next(one for one in stand.primaries if one is not source)
    await stand.announce(slot, source, target)
    for _ in range(2):  # before it has left, and when it has arrived
        answers = await asyncio.gather(*(story.here.refresh(story.live[0]) for _ in range(20)))
        assert {answer.status for answer in answers} == {200}
        await stand.carry(slot, source, target)
    assert (await story.there.log_out(story.live[0])).status == 200
    await stand.move(slot, source, target)
    assert (await story.there.refresh(story.live[0])).status == 401
