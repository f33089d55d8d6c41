"""The verifiers of other services: what another service relies on, without a call per request."""

import json
import random
from datetime import timedelta
from typing import Any, NoReturn

import pytest
from aiohttp import ClientSession

from service.domain.sessions.models import EndedSession
from service.errors import UnavailableError
from tests.api.conftest import MakeVerifier
from tests.conftest import MakeOnFakes, OnFakes, bearer
from tests.support.both_verifiers import AnyVerifier
from tests.support.resource_servers import claims
from tests.support.verifiers import SharedClock
from tests.support.waiting import until
from tokenhouse_verify import InvalidTokenError, StaleError
from tokenhouse_verify import verifier as module


async def signed_in(fakes: OnFakes) -> dict[str, Any]:
    return await fakes.client.log_in(await fakes.client.sign_up())


async def test_an_id_token_is_good_without_any_call(fakes: OnFakes, verifier_of: MakeVerifier) -> None:
    tokens = await signed_in(fakes)
    async with verifier_of(fakes.client) as verifier:
        assert await verifier.asked() == ["/.well-known/jwks.json", "/auth/revocations"]
        for _ in range(3):
            said = await verifier.verify(tokens["idToken"])
            assert said.all == claims(tokens["idToken"])
        assert (said.user_id, said.session_id) == (said.all["sub"], said.all["origin_jti"])
        assert (said.token_id, said.expires_at) == (said.all["jti"], said.all["exp"])
        assert await verifier.refuses(tokens["accessToken"])
        assert await verifier.asked() == []


async def test_claims_that_operators_chose_are_passed_on_as_they_are(
    on_fakes: MakeOnFakes, verifier_of: MakeVerifier
) -> None:
    chosen = {"team": "pl\u00e4tform\u2028", "https://example.com/tier": [2**53 - 1, {"a": True}], "constructor": "x"}
    fakes = await on_fakes(tokens={"claims": [*chosen]})
    person = await fakes.client.sign_up()
    await fakes.application.account_claims.change(person["email"], chosen)
    tokens = await fakes.client.log_in(person)
    async with verifier_of(fakes.client) as verifier:
        said = (await verifier.verify(tokens["idToken"])).all
    assert {name: said[name] for name in chosen} == chosen


async def test_a_verifier_of_access_tokens_takes_no_id_token(fakes: OnFakes, verifier_of: MakeVerifier) -> None:
    tokens = await signed_in(fakes)
    async with verifier_of(fakes.client, use="access") as verifier:
        assert (await verifier.verify(tokens["accessToken"])).all["scope"]
        assert await verifier.refuses(tokens["idToken"])
    with pytest.raises(ValueError, match="id or access"):
        async with verifier_of(fakes.client, use="refresh"):
            pass


async def test_a_session_that_ended_is_refused_after_the_next_poll(fakes: OnFakes, verifier_of: MakeVerifier) -> None:
    tokens, other = await signed_in(fakes), await signed_in(fakes)
    async with verifier_of(fakes.client) as verifier:
        await verifier.verify(tokens["idToken"])
        assert (await fakes.client.log_out(tokens)).status == 200
        await verifier.verify(tokens["idToken"])  # nobody has told it yet
        fakes.ambient.advance(seconds=1)
        await verifier.refresh()
        assert await verifier.refuses(tokens["idToken"])
        assert await verifier.verify(other["idToken"])
        fakes.ambient.advance(minutes=30)
        await verifier.refresh()  # a delta that does not name it any more
        assert await verifier.refuses(tokens["idToken"])
        assert await verifier.revoked() == 1
        fakes.ambient.advance(hours=2)
        await verifier.refresh()
        assert await verifier.revoked() == 0
        assert await verifier.refuses(tokens["idToken"])  # it has expired


async def test_a_session_of_many_that_ended_is_found_over_several_pieces(
    fakes: OnFakes, verifier_of: MakeVerifier
) -> None:
    ended = [EndedSession(fakes.ambient.new_id(), fakes.ambient.new_uuid()) for _ in range(5_000)]
    await fakes.revocations.add(ended, timedelta(hours=1), timedelta(days=30))
    tokens = await signed_in(fakes)
    assert (await fakes.client.log_out(tokens)).status == 200
    async with verifier_of(fakes.client) as verifier:
        assert await verifier.revoked() == 5_001
        assert await verifier.refuses(tokens["idToken"])


async def test_a_verifier_that_hears_nothing_for_too_long_refuses_everybody(
    fakes: OnFakes, verifier_of: MakeVerifier
) -> None:
    tokens = await signed_in(fakes)
    async with verifier_of(fakes.client, max_staleness=30.0) as verifier:
        fakes.ambient.advance(seconds=28)
        assert await verifier.verify(tokens["idToken"])
        fakes.ambient.advance(seconds=1)
        with pytest.raises(StaleError):
            await verifier.verify(tokens["idToken"])
        await verifier.refresh()
        assert await verifier.verify(tokens["idToken"])


async def test_a_verifier_starts_without_its_service_and_says_that_it_cannot_tell(
    fakes: OnFakes, verifier_of: MakeVerifier
) -> None:
    tokens = await signed_in(fakes)
    async with verifier_of(fakes.client, base_url="http://127.0.0.1:9") as verifier:
        with pytest.raises(StaleError, match=r"^no news of revocations yet: \w+$"):
            await verifier.verify(tokens["idToken"])


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"base_url": "auth.example.com"}, "base_?[uU]rl"),
        ({"base_url": "https://"}, "base_?[uU]rl"),
        ({"base_url": "http://127.0.0.1:99999"}, "base_?[uU]rl"),
        ({"issuer": "our issuer", "base_url": None}, "the issuer"),
    ],
)
async def test_an_address_that_is_none_is_told_at_the_start(
    fakes: OnFakes, verifier_of: MakeVerifier, settings: dict[str, Any], name: str
) -> None:
    with pytest.raises(ValueError, match=f"^{name} is no address"):
        async with verifier_of(fakes.client, **settings):
            pass


async def test_a_refusal_says_why_and_quotes_nothing_of_the_token(fakes: OnFakes, verifier_of: MakeVerifier) -> None:
    tokens, other = await signed_in(fakes), await signed_in(fakes)

    async def words(verifier: AnyVerifier, token: str) -> str:
        with pytest.raises(InvalidTokenError) as refused:
            await verifier.verify(token)
        said = claims(tokens["idToken"])
        quoted = (*token.split("."), *(str(said[name]) for name in ("sub", "jti", "origin_jti", "email")))
        assert [one for one in quoted if one in str(refused.value)] == []
        return str(refused.value)

    head, body, signature = tokens["idToken"].split(".")
    async with verifier_of(fakes.client) as verifier:
        assert "malformed" in await words(verifier, "@")
        assert "signature" in await words(verifier, f"{head}.{body}.{signature[::-1]}")
        assert "another use than 'id'" in await words(verifier, tokens["accessToken"])
        await verifier.verify(tokens["idToken"])
        assert (await fakes.client.log_out(tokens)).status == 200
        fakes.ambient.advance(seconds=1)
        await verifier.refresh()
        assert "session has ended" in await words(verifier, tokens["idToken"])
        fakes.ambient.advance(hours=1, seconds=6)
        await verifier.refresh()
        assert await words(verifier, other["idToken"]) == "it has expired"
    async with verifier_of(fakes.client, client_id="another") as verifier:
        assert "another client id than 'another'" in await words(verifier, other["idToken"])


async def test_a_verifier_polls_by_itself_and_goes_on_after_a_poll_that_failed(
    fakes: OnFakes, verifier_of: MakeVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = await signed_in(fakes)
    failed: list[bool] = []

    async def failing(*_: object) -> NoReturn:
        failed.append(True)
        raise UnavailableError

    async with verifier_of(fakes.client, poll=0.05) as verifier:
        await verifier.verify(tokens["idToken"])
        with monkeypatch.context() as patched:
            patched.setattr(fakes.revocations, "after", failing)
            fakes.ambient.advance(seconds=2)
            assert (await fakes.client.log_out(tokens)).status == 200
            await until(lambda: _when(len(failed) > 1))

        async def has_learned() -> bool:
            fakes.ambient.advance(seconds=1)  # the service shares an answer, a failure too, for a second
            return await verifier.refuses(tokens["idToken"])

        await until(has_learned)


async def _when(state: bool) -> bool:  # noqa: FBT001 - the state that is waited for
    return state


async def test_a_machine_that_slept_knows_that_its_news_is_old(
    fakes: OnFakes, clock: SharedClock, verifier_of: MakeVerifier
) -> None:
    tokens = await signed_in(fakes)
    async with verifier_of(fakes.client) as verifier:
        clock.skew = 60  # the wall clock went on, the monotonic one stood still
        with pytest.raises(StaleError):
            await verifier.verify(tokens["idToken"])


async def test_an_expired_token_is_refused_though_it_is_remembered(fakes: OnFakes, verifier_of: MakeVerifier) -> None:
    tokens = await signed_in(fakes)
    async with verifier_of(fakes.client, leeway=5.0) as verifier:
        await verifier.verify(tokens["idToken"])
        fakes.ambient.advance(hours=1, seconds=4)
        await verifier.refresh()
        await verifier.verify(tokens["idToken"])
        fakes.ambient.advance(seconds=1)
        assert await verifier.refuses(tokens["idToken"])


async def test_a_key_that_is_new_is_fetched_at_most_every_ten_seconds(
    fakes: OnFakes, verifier_of: MakeVerifier
) -> None:
    tokens = await signed_in(fakes)
    async with verifier_of(fakes.client) as verifier:
        await verifier.asked()
        await verifier.forget_keys()
        for _ in range(3):
            with pytest.raises(InvalidTokenError):
                await verifier.authenticate(tokens["idToken"])
        assert await verifier.asked() == []  # it has looked a moment ago
        fakes.ambient.advance(seconds=module.KEYS_AT_MOST)
        assert await verifier.authenticate(tokens["idToken"])
        assert await verifier.asked() == ["/.well-known/jwks.json"]


async def test_the_middleware_lets_members_in_and_hands_on_their_claims(
    fakes: OnFakes, verifier_of: MakeVerifier
) -> None:
    tokens = await signed_in(fakes)
    async with verifier_of(fakes.client) as verifier, ClientSession(await verifier.serve()) as guarded:
        answer = await guarded.get("/", headers=bearer(tokens))
        assert json.loads(await answer.text()) == {"user": claims(tokens["idToken"])["sub"]}
        twice = [("Authorization", f"Bearer {tokens['idToken']}")] * 2
        for headers, challenge in (
            ({}, "Bearer"),
            ({"Authorization": "Bearer x"}, 'Bearer error="invalid_token"'),
            ({"Authorization": "Basic eDp5"}, 'Bearer error="invalid_token"'),
            (twice, 'Bearer error="invalid_token"'),
        ):
            refused = await guarded.get("/", headers=headers)
            assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, challenge)
            assert (refused.content_type, refused.headers["Cache-Control"]) == ("application/problem+json", "no-store")
            assert json.loads(await refused.text())["code"] == "invalid_token"
        fakes.ambient.advance(seconds=60)
        assert await verifier.staleness() >= 60
        stale = await guarded.get("/", headers=bearer(tokens))
        assert (stale.status, json.loads(await stale.text())["code"]) == (503, "unavailable")
        assert "Retry-After" in stale.headers


async def test_beside_a_stream_of_logouts_no_token_is_accepted_beyond_its_bound(
    fakes: OnFakes, clock: SharedClock, verifier_of: MakeVerifier
) -> None:
    """Ninety seconds in steps of a quarter; polls every five seconds, and two of them fail."""
    dice = random.Random(7)  # noqa: S311 - the same story every time
    person = await fakes.client.sign_up()
    alive = [await fakes.client.log_in(person) for _ in range(20)]
    ended: list[tuple[float, str]] = []
    polled_at = clock.monotonic()
    async with verifier_of(fakes.client) as verifier:
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
            bound = await verifier.staleness()
            assert bound <= 5 + module.SHARED + 10
            for (at, _), judged in zip(ended, await verifier.judge([token for _, token in ended]), strict=True):
                assert judged == "InvalidTokenError" or clock.monotonic() - at <= bound
            assert set(await verifier.judge([tokens["idToken"] for tokens in alive])) <= {"good"}
    assert len(ended) > 10
