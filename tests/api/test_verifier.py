"""The verifiers of other services: what another service relies on, without a call per request."""

import json
import random
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from service.domain.models import Ended
from service.settings import Tokens
from tests.conftest import OnFakes, bearer
from tests.resource_servers import claims
from tests.verifiers import ISSUER, SharedClock, refuses, verifier_of
from tokenhouse_verify import CLAIMS, InvalidTokenError, StaleError, Verifier, WrongIssuerError, protect
from tokenhouse_verify import verifier as module


@pytest.fixture
def clock(fakes: OnFakes) -> SharedClock:
    return SharedClock(fakes.ambient)


async def signed_in(fakes: OnFakes) -> dict[str, Any]:
    return await fakes.client.log_in(await fakes.client.sign_up())


async def test_an_id_token_is_good_without_any_call(
    fakes: OnFakes, clock: SharedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = await signed_in(fakes)
    async with verifier_of(fakes.client, clock) as verifier:
        monkeypatch.setattr(verifier, "_session", None)
        for _ in range(3):
            said = verifier.verify(tokens["idToken"])
            assert said.all == claims(tokens["idToken"])
        assert (said.user_id, said.session_id) == (said.all["sub"], said.all["origin_jti"])
        assert refuses(verifier, tokens["accessToken"])
        monkeypatch.undo()


async def test_a_verifier_of_access_tokens_takes_no_id_token(fakes: OnFakes, clock: SharedClock) -> None:
    tokens = await signed_in(fakes)
    async with verifier_of(fakes.client, clock, use="access") as verifier:
        assert verifier.verify(tokens["accessToken"]).all["scope"]
        assert refuses(verifier, tokens["idToken"])
    with pytest.raises(ValueError, match="id or access"):
        verifier_of(fakes.client, clock, use="refresh")


async def test_a_session_that_ended_is_refused_after_the_next_poll(fakes: OnFakes, clock: SharedClock) -> None:
    tokens, other = await signed_in(fakes), await signed_in(fakes)
    async with verifier_of(fakes.client, clock) as verifier:
        verifier.verify(tokens["idToken"])
        assert (await fakes.client.log_out(tokens)).status == 200
        verifier.verify(tokens["idToken"])  # nobody has told it yet
        fakes.ambient.advance(seconds=1)
        await verifier.refresh()
        assert refuses(verifier, tokens["idToken"])
        assert verifier.verify(other["idToken"])
        fakes.ambient.advance(minutes=30)
        await verifier.refresh()  # a delta that does not name it any more
        assert refuses(verifier, tokens["idToken"])
        assert verifier.revoked == 1
        fakes.ambient.advance(hours=2)
        await verifier.refresh()
        assert verifier.revoked == 0
        assert refuses(verifier, tokens["idToken"])  # it has expired


async def test_a_session_of_many_that_ended_is_found_over_several_pieces(fakes: OnFakes, clock: SharedClock) -> None:
    ended = [Ended(fakes.ambient.new_id(), fakes.ambient.new_uuid()) for _ in range(11_000)]
    await fakes.revocations.add(ended, timedelta(hours=1), timedelta(days=30))
    tokens = await signed_in(fakes)
    assert (await fakes.client.log_out(tokens)).status == 200
    async with verifier_of(fakes.client, clock) as verifier:
        assert verifier.revoked == 11_001
        assert refuses(verifier, tokens["idToken"])


@pytest.mark.parametrize("issuer", [f"{ISSUER}/", ISSUER.replace("127.0.0.1", "localhost")])
async def test_a_verifier_that_was_told_another_issuer_names_both_at_its_start(fakes: OnFakes, issuer: str) -> None:
    verifier = Verifier(issuer, "tokenhouse", base_url=f"http://127.0.0.1:{fakes.client.port}")
    with pytest.raises(WrongIssuerError) as raised:
        await verifier.__aenter__()
    assert repr(issuer) in str(raised.value)
    assert repr(ISSUER) in str(raised.value)
    assert "base_url" in str(raised.value)
    assert verifier._session
    assert verifier._session.closed
    assert verifier._polling is None


async def test_a_stale_verifier_says_what_its_last_question_failed_by(
    fakes: OnFakes, clock: SharedClock, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = await signed_in(fakes)
    async with verifier_of(fakes.client, clock, max_staleness=30.0) as verifier:
        object.__setattr__(fakes.house.services.feed, "_settings", Tokens(issuer="https://moved.example"))
        fakes.ambient.advance(seconds=31)
        assert not await verifier._try_refresh()
        with pytest.raises(StaleError, match=r" s: this verifier was told .*127.* signs as 'https://moved\.example'"):
            verifier.verify(tokens["idToken"])
    assert "https://moved.example" in caplog.text


async def test_a_verifier_that_hears_nothing_for_too_long_refuses_everybody(fakes: OnFakes, clock: SharedClock) -> None:
    tokens = await signed_in(fakes)
    async with verifier_of(fakes.client, clock, max_staleness=30.0) as verifier:
        fakes.ambient.advance(seconds=28)
        assert verifier.verify(tokens["idToken"])
        fakes.ambient.advance(seconds=1)
        with pytest.raises(StaleError):
            verifier.verify(tokens["idToken"])
        await verifier.refresh()
        assert verifier.verify(tokens["idToken"])


async def test_a_verifier_starts_without_its_service_and_says_that_it_cannot_tell(
    fakes: OnFakes, clock: SharedClock
) -> None:
    tokens = await signed_in(fakes)
    async with Verifier(ISSUER, "tokenhouse", base_url="http://127.0.0.1:9", clock=clock, poll=3600) as verifier:
        with pytest.raises(StaleError):
            verifier.verify(tokens["idToken"])


async def test_a_machine_that_slept_knows_that_its_news_is_old(fakes: OnFakes, clock: SharedClock) -> None:
    tokens = await signed_in(fakes)
    async with verifier_of(fakes.client, clock) as verifier:
        clock.skew = 60  # the wall clock went on, the monotonic one stood still
        with pytest.raises(StaleError):
            verifier.verify(tokens["idToken"])


async def test_an_expired_token_is_refused_though_it_is_remembered(fakes: OnFakes, clock: SharedClock) -> None:
    tokens = await signed_in(fakes)
    async with verifier_of(fakes.client, clock, leeway=5.0) as verifier:
        verifier.verify(tokens["idToken"])
        fakes.ambient.advance(hours=1, seconds=4)
        await verifier.refresh()
        verifier.verify(tokens["idToken"])
        fakes.ambient.advance(seconds=1)
        assert refuses(verifier, tokens["idToken"])


async def test_a_key_that_is_new_is_fetched_at_most_every_ten_seconds(
    fakes: OnFakes, clock: SharedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = await signed_in(fakes)
    async with verifier_of(fakes.client, clock) as verifier:
        asked: list[str] = []
        get = verifier._get

        async def counted(path: str, **query: str) -> bytes:
            asked.append(path)
            return await get(path, **query)

        monkeypatch.setattr(verifier, "_get", counted)
        verifier._keys = {}  # as if the key had been made after the last look
        for _ in range(3):
            with pytest.raises(InvalidTokenError):
                await verifier.authenticate(tokens["idToken"])
        assert asked == []  # it has looked a moment ago
        fakes.ambient.advance(seconds=module.KEYS_AT_MOST)
        assert await verifier.authenticate(tokens["idToken"])
        assert asked == ["/.well-known/jwks.json"]


async def test_the_middleware_lets_members_in_and_hands_on_their_claims(fakes: OnFakes, clock: SharedClock) -> None:
    tokens = await signed_in(fakes)

    async def hello(request: web.Request) -> web.Response:
        return web.json_response({"user": request[CLAIMS].user_id})

    async with verifier_of(fakes.client, clock) as verifier:
        app = web.Application(middlewares=[protect(verifier)])
        app.router.add_get("/", hello)
        async with TestClient(TestServer(app)) as guarded:
            answer = await guarded.get("/", headers=bearer(tokens))
            assert await answer.json() == {"user": claims(tokens["idToken"])["sub"]}
            for headers, challenge in (
                ({}, "Bearer"),
                ({"Authorization": "Bearer x"}, 'Bearer error="invalid_token"'),
                ({"Authorization": "Basic eDp5"}, 'Bearer error="invalid_token"'),
            ):
                refused = await guarded.get("/", headers=headers)
                assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, challenge)
                assert json.loads(await refused.text())["code"] == "invalid_token"
            fakes.ambient.advance(seconds=60)
            stale = await guarded.get("/", headers=bearer(tokens))
            assert (stale.status, json.loads(await stale.text())["code"]) == (503, "unavailable")
            assert "Retry-After" in stale.headers


async def test_beside_a_stream_of_logouts_no_token_is_accepted_beyond_its_bound(
    fakes: OnFakes, clock: SharedClock
) -> None:
    """Ninety seconds in steps of a quarter; polls every five seconds, and two of them fail."""
    dice = random.Random(7)  # noqa: S311 - the same story every time
    person = await fakes.client.sign_up()
    alive = [await fakes.client.log_in(person) for _ in range(20)]
    ended: list[tuple[float, str]] = []
    polled_at = clock.monotonic()
    async with verifier_of(fakes.client, clock) as verifier:
        for step in range(360):
            fakes.ambient.advance(seconds=0.25)
            if alive and dice.random() < 0.06:
                tokens = alive.pop()
                assert (await fakes.client.log_out(tokens)).status == 200
                ended.append((clock.monotonic(), tokens["idToken"]))
            if clock.monotonic() - polled_at >= 5:
                polled_at = clock.monotonic()
                if step not in range(150, 190):
                    await verifier.refresh()
            bound = verifier.staleness
            assert bound <= 5 + module.SHARED + 10
            for at, token in ended:
                assert refuses(verifier, token) or clock.monotonic() - at <= bound
            assert all(not refuses(verifier, tokens["idToken"]) for tokens in alive)
    assert len(ended) > 10
