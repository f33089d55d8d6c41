"""What one member may ask for: limits on the calls that cost, and answers of any length in bounded memory."""

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest
from aiohttp import ClientPayloadError

from service.api.operation import Access
from service.api.routes import OPERATIONS
from service.domain.sessions.models import Revocation
from service.domain.sessions.revocation import PAGE
from service.errors import RateLimitedError
from tests.conftest import Client, MakeOnFakes, OnFakes, bearer, problem
from tests.support.builders import NOON
from tests.support.paths import plain_path
from tests.support.postbox import MAIL

ONCE = "1/1h"
BODY = {"name": "Build server"}  # of the one call that needs one
BOUNDED_BY_LOGINS = (
    "/auth/logout",  # by the session that it ends
    "/auth/password",
    "/auth/me",
    "/auth/email",
    "/auth/factors/totp",
    "/auth/factors/totp/confirm",
    "/auth/factors/recovery-codes",
    "/auth/factors/passkeys/options",
    "/auth/factors/passkeys",
    "/auth/factors/passkeys/{passkeyId}",
)
LIMITED = [
    ("GET", "/auth/sessions", "session-list-session"),
    ("DELETE", "/auth/sessions", "session-end-session"),
    ("DELETE", f"/auth/sessions/{'0' * 32}", "session-end-session"),
    ("GET", "/auth/export", "export-user"),
    ("POST", "/auth/api-key", "api-key-rotation-user"),
    ("GET", "/auth/api-keys", "session-list-session"),
    ("POST", "/auth/api-keys", "api-key-rotation-user"),
    ("DELETE", f"/auth/api-keys/{'0' * 32}", "session-end-session"),
    ("PATCH", "/auth/factors/passkeys/AAAA", "profile-change-user"),
]


@pytest.fixture
async def limited(on_fakes: MakeOnFakes) -> OnFakes:
    names = ("session_list", "session_end", "export", "api_key_rotation", "mail_source", "profile_change")
    return await on_fakes(mail=MAIL, throttle={"exempt": [], **dict.fromkeys(names, ONCE)})


@pytest.mark.parametrize(("method", "path", "policy"), LIMITED)
async def test_a_call_that_costs_is_limited(limited: OnFakes, method: str, path: str, policy: str) -> None:
    client = limited.client
    ada = await client.sign_up()
    tokens, elsewhere = await client.log_in(ada), await client.log_in(ada)
    other = await client.log_in(await client.sign_up())
    first = await client.http.request(method, path, headers=bearer(tokens), json=BODY)
    assert first.status in (200, 201, 204, 404)
    refused = await client.http.request(method, path, headers=bearer(tokens), json=BODY)
    assert (refused.status, problem(await refused.text())["code"]) == (429, "rate_limited")
    assert refused.headers["RateLimit-Policy"] == f'"{policy}";q=1;w=3600'
    assert (await client.http.request(method, path, headers=bearer(other), json=BODY)).status == first.status
    again = await client.http.request(method, path, headers=bearer(elsewhere), json=BODY)
    if policy.endswith("-session") and path != "/auth/sessions":  # which ended the other session
        assert again.status == first.status, "a stolen session would use up what the owner needs"
    if policy.endswith("-user"):
        assert again.status == 429


async def test_what_is_limited_says_so_in_the_route_table(limited: OnFakes) -> None:
    told = {(one.method, one.path) for one in OPERATIONS if RateLimitedError in one.about.refuses}
    found = set()
    for one in OPERATIONS:
        if one.access is Access.BEARER and one.path not in BOUNDED_BY_LOGINS:
            tokens = await limited.client.log_in(await limited.client.sign_up())
            path = plain_path(one.path)
            said = [
                (await limited.client.http.request(one.method, path, headers=bearer(tokens), json=BODY)).status
                for _ in range(2)
            ]
            assert said[-1] == 429, one.path  # whoever adds a call that is not counted: name here what bounds it
            found.add((one.method, one.path))
    assert found <= told


# --- the sessions that are over


class Ended:
    """A user's ended sessions, made as they are asked for."""

    def __init__(self, count: float) -> None:
        self.count = count
        self.pages = 0

    async def of_user(self, user_id: UUID, after: str, limit: int) -> Sequence[Revocation]:
        self.pages += 1
        start = int(after or "0")
        numbers = range(start + 1, int(min(start + limit, self.count)) + 1)
        return [Revocation(f"{number:032d}", user_id, NOON, NOON + timedelta(days=1)) for number in numbers]


async def test_listing_the_live_sessions_asks_about_these_alone(
    fakes: OnFakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await fakes.client.sign_up()
    gone, tokens, other = [await fakes.client.log_in(ada) for _ in range(3)]
    await fakes.client.log_out(gone)
    asked = []

    async def has(session_id: str) -> bool:
        asked.append(session_id)
        return session_id in fakes.revocations.rows

    monkeypatch.setattr(fakes.revocations, "has", has)
    monkeypatch.setattr(fakes.revocations, "of_user", None)
    said = await (await fakes.client.get("/auth/sessions", **bearer(tokens))).json()
    assert len(said["sessions"]) == 2
    assert sorted(asked) == sorted(one["sessionId"] for one in said["sessions"])
    assert other


@pytest.mark.parametrize("count", [0, 1, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE])
async def test_an_export_of_any_length_is_one_document(
    fakes: OnFakes, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    monkeypatch.setattr(fakes.revocations, "of_user", Ended(count).of_user)
    answer = await fakes.client.get("/auth/export", **bearer(tokens))
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Request-Id"]
    said = json.loads(await answer.text())
    assert [int(one["sessionId"]) for one in said["endedSessions"]] == list(range(1, count + 1))
    assert len(said["sessions"]) == 1
    assert (await fakes.client.get("/auth/export", **bearer(tokens))).status == 200  # the connection is good for more


async def test_an_export_is_sent_while_it_is_read_and_holds_nobody_up(
    fakes: OnFakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no end, so a service that gathered it first would send nothing."""
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    monkeypatch.setattr(fakes.revocations, "of_user", Ended(float("inf")).of_user)
    async with asyncio.timeout(60), fakes.client.http.get("/auth/export", headers=bearer(tokens)) as answer:
        for _ in range(20):
            assert len(await answer.content.readexactly(100_000)) == 100_000
            assert (await fakes.client.me(tokens)).status == 200


async def test_a_reader_that_stalls_is_not_written_ahead_of(fakes: OnFakes, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = Ended(float("inf"))
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    monkeypatch.setattr(fakes.revocations, "of_user", ended.of_user)
    async with asyncio.timeout(60), fakes.client.http.get("/auth/export", headers=bearer(tokens)) as answer:
        assert answer.status == 200
        await answer.content.readexactly(1)
        seen = -1
        while seen != ended.pages:  # until the buffers of both sides are full
            seen = ended.pages
            for _ in range(50):
                assert (await fakes.client.me(tokens)).status == 200
        assert 0 < seen * PAGE < 1_000_000


@pytest.mark.parametrize("failing", [1, 3])
async def test_an_export_that_breaks_off_is_not_taken_for_a_whole(
    fakes: OnFakes, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    ended = Ended(float("inf"))

    async def of_user(user_id: UUID, after: str, limit: int) -> Sequence[Revocation]:
        if ended.pages == failing - 1:
            raise TimeoutError
        return await ended.of_user(user_id, after, limit)

    monkeypatch.setattr(fakes.revocations, "of_user", of_user)
    answer = await fakes.client.get("/auth/export", **bearer(tokens))
    if failing == 1:
        assert (answer.status, problem(await answer.text())["code"]) == (503, "unavailable")
    else:
        with pytest.raises(ClientPayloadError):
            await answer.read()


async def test_an_old_client_gets_the_whole_export_and_the_end_of_the_connection(
    fakes: OnFakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    monkeypatch.setattr(fakes.revocations, "of_user", Ended(2 * PAGE).of_user)
    document = await _by_http_10(fakes.client, tokens["idToken"])
    assert len(json.loads(document)["endedSessions"]) == 2 * PAGE


async def _by_http_10(client: Client, token: str) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    lines = ("GET /auth/export HTTP/1.0", f"Authorization: Bearer {token}", "Connection: keep-alive", "", "")
    writer.write("\r\n".join(lines).encode())
    async with asyncio.timeout(30):
        head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    assert head.split(" ")[1] == "200"
    assert "chunked" not in head.lower()
    return body
