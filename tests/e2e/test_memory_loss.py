"""When Redis forgets: what was revoked stays revoked, and who was let in stays in, on every instance."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiohttp import ClientResponse
from redis.asyncio import Redis

from service.embedded import EmbeddedRedis, socket_directory
from service.stores import redis_keys
from tests.conftest import Client, Instances
from tests.support.waiting import brisk, until

ENDINGS = """
    INSERT INTO revocations (session_id, user_id, denied_until, forget_at)
    SELECT left(replace(gen_random_uuid()::text, '-', ''), 24), gen_random_uuid(), now() + $2::text::interval,
        now() + interval '20 days'
    FROM generate_series(1, $1::int)
"""


@dataclass(frozen=True)
class Story:
    """Two instances on a Redis of their own, a session that is over, and one that is not."""

    server: EmbeddedRedis
    here: Client
    there: Client
    over: dict[str, Any]
    live: dict[str, Any]

    @property
    def dump(self) -> Path:
        return self.server.data / "dump.rdb"

    async def command(self, *words: str) -> Any:
        client: Any = Redis.from_url(self.server.url)  # redis-py's `execute_command` is not typed
        async with client as redis:
            return await redis.execute_command(*words)

    async def dead_everywhere(self) -> None:
        """Everything of the ended session is refused: unavailable at most for a moment, and never let in."""
        for client in (self.here, self.there):
            await settles(401, client.me, self.over)
            await settles(401, client.refresh, self.over)

    async def alive_everywhere(self, *, refresh: bool) -> None:
        for client in (self.here, self.there):
            await settles(200, client.me, self.live)
            if refresh:
                await settles(200, client.refresh, self.live)


async def settles(status: int, ask: Callable[..., Awaitable[ClientResponse]], *told: Any) -> None:
    """Asked until it answers with `status`; meanwhile nothing but 503 is heard."""

    async def heard() -> bool:
        answer = await ask(*told)
        assert answer.status in (status, 503), await answer.text()
        return answer.status == status

    await until(heard)


@pytest.fixture
def with_aof() -> bool:
    return False


@pytest.fixture
def server(tmp_path: Path, *, with_aof: bool) -> Iterator[EmbeddedRedis]:
    with socket_directory() as sockets:
        server = EmbeddedRedis(tmp_path / "redis", sockets, options={"appendonly": "yes" if with_aof else "no"})
        server.start()
        yield server
        server.stop()


@pytest.fixture
async def story(server: EmbeddedRedis, instances: Instances) -> Story:
    """The snapshot beside the data is older than the logout: it knows both sessions as live ones."""
    here, there = await instances(2, **brisk(redis={"url": server.url}, tokens={"algorithm": "ES256"}))
    person = await here.sign_up()
    over, live = await here.log_in(person), await there.log_in(person)
    story = Story(server, here, there, over, live)
    await story.command("SAVE")
    story.dump.rename(story.dump.with_suffix(".old"))
    assert (await there.log_out(over)).status == 200
    await story.dead_everywhere()
    return story


def restart_empty(story: Story) -> None:
    story.server.kill()
    story.dump.unlink(missing_ok=True)
    story.server.start()


def restart_from_the_old_snapshot(story: Story) -> None:
    story.server.kill()
    shutil.copy(story.dump.with_suffix(".old"), story.dump)
    story.server.start()


async def test_a_flush_brings_no_revoked_token_back(story: Story) -> None:
    await story.command("FLUSHALL")
    await story.dead_everywhere()
    await story.alive_everywhere(refresh=False)


async def test_an_empty_restart_brings_no_revoked_token_back(story: Story) -> None:
    restart_empty(story)
    await story.dead_everywhere()
    await story.alive_everywhere(refresh=False)


async def test_an_old_snapshot_brings_no_session_back_that_was_over(story: Story) -> None:
    restart_from_the_old_snapshot(story)
    session_id = story.over["refreshToken"][3:27]
    assert await story.command("EXISTS", redis_keys.session(session_id)) == 1  # the server itself forgot the logout
    await story.dead_everywhere()
    await story.alive_everywhere(refresh=True)


async def test_an_old_snapshot_brings_no_refresh_token_back_whose_denial_has_lapsed(
    story: Story, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await database.execute("UPDATE revocations SET denied_until = now() - interval '1 minute'")
    restart_from_the_old_snapshot(story)
    await settles(401, story.there.refresh, story.over)
    await settles(401, story.here.refresh, story.over)
    await settles(200, story.here.refresh, story.live)


async def test_every_request_of_a_burst_after_a_flush_is_refused_or_told_to_wait(story: Story) -> None:
    await story.command("FLUSHALL")
    clients = (story.here, story.there)
    answers = await asyncio.gather(*(clients[i % 2].me(story.over) for i in range(100)))
    assert {answer.status for answer in answers} <= {401, 503}
    refreshes = await asyncio.gather(*(clients[i % 2].refresh(story.over) for i in range(100)))
    assert {answer.status for answer in refreshes} <= {401, 503}
    await story.dead_everywhere()
    await story.alive_everywhere(refresh=False)


async def test_a_logout_while_redis_has_forgotten_is_done_or_not_acknowledged(story: Story) -> None:
    await story.command("FLUSHALL")
    await settles(200, story.here.log_out, story.live)
    for client in (story.here, story.there):
        await settles(401, client.me, story.live)
    await story.dead_everywhere()
    await story.command("FLUSHALL")
    for client in (story.here, story.there):
        await settles(401, client.me, story.live)


async def test_losses_one_after_another_change_nothing(story: Story) -> None:
    for lose in (restart_empty, restart_from_the_old_snapshot, restart_empty):
        lose(story)
        await story.dead_everywhere()
        await story.alive_everywhere(refresh=False)


async def test_new_logins_work_soon_after_a_loss(story: Story) -> None:
    person = await story.here.sign_up()
    restart_empty(story)
    body = {"email": person["email"], "password": person["password"]}
    for client in (story.here, story.there):
        await settles(200, client.post, "/auth/login", body)
    tokens = await story.here.log_in(person)
    assert (await story.there.me(tokens)).status == 200
    assert (await story.there.refresh(tokens)).status == 200


async def test_a_month_of_endings_does_not_delay_the_healing(
    story: Story, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await database.execute(ENDINGS, 100_000, "-1 hour")
    await database.execute(ENDINGS, 3_000, "1 hour")
    await story.command("FLUSHALL")
    await story.dead_everywhere()
    await story.alive_everywhere(refresh=False)


@pytest.mark.parametrize("with_aof", [True])
@pytest.mark.parametrize("crash", [True, False])
async def test_a_restart_with_an_intact_log_logs_nobody_out(story: Story, *, crash: bool) -> None:
    if crash:
        story.server.kill()
    else:
        story.server.stop()
    story.server.start()
    await story.dead_everywhere()
    await story.alive_everywhere(refresh=True)
