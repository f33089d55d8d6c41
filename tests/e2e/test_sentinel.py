"""Behind Sentinels: another server takes over, and nobody who was logged out comes back."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import RedisError

from service.settings import RedisSettings
from service.stores import redis_keys
from service.stores.connect import connect
from tests.conftest import Client, Instances
from tests.e2e.test_memory_loss import settles
from tests.support.deployments import HOST, NAME, Member, Watched, part, running, watched
from tests.support.outages import CALLS, Scene, all_unavailable
from tests.support.waiting import brisk, unhurried, until


@dataclass(frozen=True)
class Story:
    """Two instances, a member, a session that is over and others that are not."""

    stand: Watched
    here: Client
    there: Client
    person: dict[str, Any]
    over: dict[str, Any]
    live: dict[str, Any]
    spare: dict[str, Any]

    def scene(self) -> Scene:
        return Scene(None, None, self.here, self.person, self.live, self.spare)  # type: ignore[arg-type] # nothing asks for its servers

    async def fails_over(self) -> None:
        await until(self.stand.has_moved)

    async def is_healed(self) -> None:
        """On both instances, by themselves."""
        for client in (self.here, self.there):
            await settles(401, client.me, self.over)
            await settles(401, client.refresh, self.over)
            await settles(200, client.me, self.live)


@pytest.fixture
async def story(instances: Instances, tmp_path: Path) -> AsyncIterator[Story]:
    """The replica has not heard of the logout."""
    async with watched(tmp_path) as stand:
        here, there = await instances(
            2, **brisk(redis={"url": stand.url}, tokens={"algorithm": "ES256", "max_sessions": 1000})
        )
        person = await here.sign_up()
        over, live, spare = [await here.log_in(person) for _ in range(3)]
        await until(stand.replica.is_in_step)
        await part(stand.primary, stand.replica)
        assert (await here.log_out(over)).status == 200
        assert (await there.me(over)).status == 401
        yield Story(stand, here, there, person, over, live, spare)


async def test_a_failover_is_an_outage_of_moments_and_brings_nobody_back(story: Story) -> None:
    story.stand.primary.kill()
    await all_unavailable(story.scene(), *CALLS)
    await story.fails_over()
    await story.is_healed()
    assert (
        await story.stand.replica.ask("EXISTS", redis_keys.session(story.over["refreshToken"][3:27])) == 1
    )  # it never heard
    assert (await story.there.refresh(story.live)).status == 200
    assert (await story.here.log_out(story.spare)).status == 200
    assert (await story.there.me(story.spare)).status == 401
    assert (await story.there.get("/readyz")).status == 200


@pytest.mark.faults
async def test_a_primary_that_comes_back_as_it_was_is_not_believed(story: Story) -> None:
    """It was frozen while another took its place; it wakes up as a primary, and others demote it later."""
    story.stand.primary.pause()
    await story.fails_over()
    await story.is_healed()
    assert (await story.here.log_out(story.spare)).status == 200
    story.stand.primary.resume()
    answers = {(await client.me(story.spare)).status for _ in range(100) for client in (story.here, story.there)}
    assert answers <= {401, 503}

    async def is_demoted() -> bool:
        with suppress(RedisError):  # the Sentinels end connections as they demote
            return not await story.stand.primary.is_primary()
        return False

    await until(is_demoted)
    await story.is_healed()
    await settles(401, story.there.me, story.spare)


@pytest.mark.faults
async def test_an_instance_leaves_a_primary_that_the_sentinels_have_left(story: Story) -> None:
    """Nothing is wrong with its connections, but whoever else serves is elsewhere."""
    stand = story.stand
    await stand.replica.ask("REPLICAOF", "NO", "ONE")
    for one in stand.sentinels:
        await one.ask("SENTINEL REMOVE", NAME)
        await one.ask("SENTINEL MONITOR", NAME, HOST, stand.replica.port, 2)

    async def has_left() -> bool:
        tokens = await story.here.post("/auth/login", {name: story.person[name] for name in ("email", "password")})
        if tokens.status != 200:
            return False
        session_id = (await tokens.json())["refreshToken"][3:27]
        return bool(await stand.replica.ask("EXISTS", redis_keys.session(session_id)))

    await until(has_left)
    await story.is_healed()


async def test_sentinels_and_servers_have_passwords_of_their_own(tmp_path: Path) -> None:
    primary = Locked(tmp_path, {"requirepass": "primary-pass"})
    told = {
        "requirepass": "sentinel-pass",
        "sentinel monitor": f"{NAME} {HOST} {primary.port} 1",
        f"sentinel auth-pass {NAME}": "primary-pass",
    }
    sentinel = Locked(tmp_path, told, sentinel=True)
    url = f"redis+sentinel://:primary-pass@{sentinel.address}/{NAME}/2?sentinel_password=sentinel-pass"
    async with running([primary, sentinel]):
        redis, _ = connect(RedisSettings.model_validate({"url": url} | unhurried({})["redis"]))
        try:
            await redis.set("word", "kept", px=60_000)
            assert await redis.get("word") == b"kept"
            assert (await redis.info("keyspace"))["db2"]["keys"] == 1
        finally:
            await redis.aclose()


class Locked(Member):
    """Answers nobody without a password, and says so."""

    def _answers(self, connection: Any) -> bool:
        connection.sendall(b"PING\r\n")
        return bool(connection.recv(64).startswith(b"-NOAUTH"))
