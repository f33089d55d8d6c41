"""A Postgres that is there and does not do its work: slow, cut off, locked, full, read-only, or gone in a commit."""

import asyncio
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

from service.embedded import Stores
from tests.conftest import Client, bearer
from tests.support import builders
from tests.support.fault_instances import Wires
from tests.support.outages import CALLS, Scene, all_unavailable, burst_unavailable, recovers, still_stands
from tests.support.relay import Mode
from tests.support.waiting import until

END_OURS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tokenhouse'"
EXECUTE = b"E" + struct.pack("!I", 9) + b"\0" + struct.pack("!I", 1)  # a prepared statement, for one row
NONE: Mapping[str, str] = {}


@asynccontextmanager
async def operator(scene: Scene) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """An administrator's own connection, past every wire."""
    connection = await asyncpg.connect(scene.postgres.url)
    try:
        yield connection
    finally:
        await connection.close()


async def all_fail_and_stand(scene: Scene) -> None:
    await all_unavailable(scene, *CALLS, "api key")
    await burst_unavailable(scene, "me", "refresh", "log out", "api key")
    await still_stands(scene)


async def works_again(scene: Scene) -> None:
    await recovers(scene)
    assert (await scene.call("api key")).status == 200
    assert (await scene.client.me(scene.spare)).status == 401  # it was logged out while recovering


@pytest.mark.parametrize("mode", [Mode.BLACKHOLE, pytest.param(Mode.RESET, marks=pytest.mark.faults)])
async def test_behind_a_broken_network_every_call_is_503_in_time_and_recovers(
    wired: Scene, wires: Wires, mode: Mode
) -> None:
    wires.postgres.behave(mode)
    await all_fail_and_stand(wired)
    wires.postgres.behave(Mode.PASS)
    await works_again(wired)


@pytest.mark.faults
async def test_a_postgres_slower_than_our_patience_is_an_outage(wired: Scene, wires: Wires) -> None:
    wires.postgres.behave(Mode.DELAY, seconds=1.5)
    await all_fail_and_stand(wired)
    wires.postgres.behave(Mode.PASS)
    await works_again(wired)


@pytest.mark.faults
async def test_a_slow_postgres_within_our_patience_is_waited_for(wired: Scene, wires: Wires) -> None:
    wires.postgres.behave(Mode.DELAY, seconds=0.03)
    for name in (*CALLS, "api key"):
        heard = await wired.hear(name)
        assert heard.status in (200, 201), heard
    assert await wired.is_ready()


async def test_calls_that_wait_for_a_lock_give_up_in_time_and_leave_the_rest_alone(scene: Scene) -> None:
    """All connections of the pool are soon waiting."""
    async with operator(scene) as postgres:
        async with postgres.transaction():
            await postgres.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
            await all_unavailable(scene, "login", "sign up", "refresh", "me", "api key")
            await burst_unavailable(scene, "me", "refresh", "api key")
            for path in ("/healthz", "/.well-known/jwks.json"):
                assert (await scene.client.get(path)).status == 200
        await works_again(scene)


async def test_a_postgres_that_became_read_only_refuses_writes_and_is_not_ready(scene: Scene) -> None:
    async with operator(scene) as postgres:
        await postgres.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        await postgres.execute("SELECT pg_reload_conf()")
        try:

            async def is_noticed() -> bool:
                return (await scene.hear("sign up")).status == 503

            await until(is_noticed)
            await all_unavailable(scene, "sign up", "log out")
            await still_stands(scene)
            assert (await scene.client.me(scene.tokens)).status == 200  # what only reads goes on
        finally:
            await postgres.execute("SET default_transaction_read_only = off")
            await postgres.execute("ALTER SYSTEM RESET default_transaction_read_only")
            await postgres.execute("SELECT pg_reload_conf()")
        await works_again(scene)


async def take_all_connections(scene: Scene, closing: AsyncExitStack) -> None:
    with suppress(asyncpg.TooManyConnectionsError):
        while True:
            await closing.enter_async_context(operator(scene))


@pytest.mark.faults
async def test_without_a_free_connection_every_call_is_503_in_time_and_recovers(scene: Scene) -> None:
    async with AsyncExitStack() as closing:
        postgres = await closing.enter_async_context(operator(scene))
        await take_all_connections(scene, closing)
        await postgres.execute(END_OURS)
        await take_all_connections(scene, closing)
        await all_fail_and_stand(scene)
    await works_again(scene)


# --- killed in a commit: whether it was carried out is not known to the service, so a second try must be harmless


async def test_a_sign_up_whose_commit_was_not_answered_can_be_tried_again(wired: Scene, wires: Wires) -> None:
    body = builders.sign_up_body()
    wires.postgres.behave(Mode.CUT, once=[EXECUTE])
    assert (await wired.client.post("/auth/signup", body)).status == 503
    assert wires.postgres.cuts == 1
    wires.postgres.behave(Mode.PASS)
    assert await watermark(wired.client, "/auth/signup", body) == 409
    tokens = await wired.client.log_in(body)
    assert (await wired.client.get("/auth/me", **{"x-api-key": tokens["apiKey"]})).status == 200


async def test_a_logout_whose_commit_was_not_answered_can_be_tried_again(wired: Scene, wires: Wires) -> None:
    session_id = wired.spare["refreshToken"][3:27]
    wires.postgres.behave(Mode.CUT, once=[session_id.encode()])
    assert (await wired.client.log_out(wired.spare)).status == 503
    assert wires.postgres.cuts == 1
    wires.postgres.behave(Mode.PASS)
    async with operator(wired) as postgres:
        assert await postgres.fetchval("SELECT count(*) FROM revocations WHERE session_id = $1", session_id) == 1
    assert (await wired.client.refresh(wired.spare)).status == 401  # Postgres remembers, whatever Redis was told
    assert await watermark(wired.client, "/auth/logout", *logout(wired.spare)) in (200, 401)
    assert (await wired.client.me(wired.spare)).status == 401
    assert (await wired.client.me(wired.tokens)).status == 200


async def test_a_new_password_whose_commit_was_not_answered_is_the_new_one(wired: Scene, wires: Wires) -> None:
    old, new = wired.person["password"], "Another-Pass2!"
    change = {"currentPassword": old, "newPassword": new}
    wires.postgres.behave(Mode.CUT, once=[b"SET password_hash", b"COMMIT"])
    assert (await wired.client.post("/auth/password", change, **bearer(wired.tokens))).status == 503
    assert wires.postgres.cuts == 1
    wires.postgres.behave(Mode.PASS)
    email = wired.person["email"]
    assert await watermark(wired.client, "/auth/login", {"email": email, "password": old}) == 401
    assert await watermark(wired.client, "/auth/login", {"email": email, "password": new}) == 200


async def test_a_restoring_whose_commit_was_not_answered_is_done_again(wired: Scene, wires: Wires) -> None:
    assert (await wired.client.log_out(wired.spare)).status == 200
    async with Redis.from_url(wired.redis.url) as redis:
        await redis.flushall()
    wires.postgres.behave(Mode.CUT, once=[b"COMMIT"])
    assert (await wired.client.me(wired.tokens)).status == 503
    wires.postgres.behave(Mode.PASS)

    async def is_revoked() -> bool:
        answer = await wired.client.me(wired.spare)
        assert answer.status in (401, 503)
        return answer.status == 401

    await until(is_revoked)
    assert (await wired.client.me(wired.tokens)).status == 200


def logout(tokens: dict[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    return {"accessToken": tokens["accessToken"]}, bearer(tokens)


async def watermark(client: Client, path: str, body: object, headers: Mapping[str, str] = NONE) -> int:
    """The first answer that is no outage."""
    status = 0

    async def is_answered() -> bool:
        nonlocal status
        answer = await client.post(path, body, **headers)
        status = answer.status
        return status != 503

    await until(is_answered)
    return status


async def test_every_sign_up_of_a_burst_is_kept_or_can_be_tried_again_when_postgres_is_killed(
    scene: Scene, own: Stores
) -> None:
    bodies = [builders.sign_up_body() for _ in range(40)]
    asked = [asyncio.create_task(scene.client.post("/auth/signup", body)) for body in bodies]
    await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    own.postgres.kill()
    answers = await asyncio.gather(*asked)
    assert {answer.status for answer in answers} <= {201, 503}
    own.postgres.start()
    await recovers(scene)
    for body, answer in zip(bodies, answers, strict=True):
        if answer.status == 503:
            assert await watermark(scene.client, "/auth/signup", body) in (201, 409)
        tokens = await scene.client.log_in(body)
        if answer.status == 201:
            assert (await answer.json())["apiKey"] == tokens["apiKey"]
