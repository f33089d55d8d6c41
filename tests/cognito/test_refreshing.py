"""New tokens for a refresh token: REFRESH_TOKEN_AUTH, REFRESH_TOKEN and GetTokensFromRefreshToken."""

import asyncio
import json
from typing import Any

import pytest

from tests.cognito.conftest import Ground, MakeGround
from tests.conftest import bearer
from tests.support.builders import PASSWORD, part
from tests.support.cognito import CognitoClient, Refused
from tests.support.sign_ins import SECRET, WEB, Answer, Person, outcome, refusal, secret_hash

FLOWS = ["REFRESH_TOKEN_AUTH", "REFRESH_TOKEN"]
INVALID = Refused("NotAuthorized", "Invalid Refresh Token.")
REVOKED = Refused("NotAuthorized", "Refresh Token has been revoked")
UNABLE = Refused("NotAuthorized", "Unable to verify secret hash for client web")
NOT_RECEIVED = Refused("NotAuthorized", "Client web is configured with secret but SECRET_HASH was not received")
ROTATING: dict[str, Any] = {"tokens": {"refresh_rotation": True}}


async def get_tokens(cognito: CognitoClient, refresh_token: str, **more: str) -> Answer:
    sent = {"ClientId": cognito.client_id, "RefreshToken": refresh_token} | more
    answer = await cognito.call("GetTokensFromRefreshToken", **sent)
    assert set(answer) == {"AuthenticationResult"}
    return dict(answer["AuthenticationResult"])


async def by_flow(cognito: CognitoClient, refresh_token: str, flow: str = FLOWS[0], **more: str) -> Answer:
    answer = await cognito.initiate(flow, REFRESH_TOKEN=refresh_token, **more)
    return dict(answer["AuthenticationResult"])


async def renew(cognito: CognitoClient, way: str, refresh_token: str) -> Answer:
    return await (by_flow(cognito, refresh_token, way) if way in FLOWS else get_tokens(cognito, refresh_token))


def claims(token: str) -> dict[str, Any]:
    return dict(json.loads(part(token, 1)))


async def is_revoked(ground: Ground, access_token: str) -> bool:
    said = await outcome(ground.cognito.call("GetUser", AccessToken=access_token))
    return said == Refused("NotAuthorized", "Access Token has been revoked")


ALL = pytest.mark.parametrize("way", [*FLOWS, "GetTokensFromRefreshToken"])


@ALL
async def test_new_tokens_of_the_same_session_and_no_refresh_token(make_ground: MakeGround, way: str) -> None:
    ground = await make_ground(tokens={"access_lifetime": "5m"})
    person = await ground.client.sign_up()
    first = await ground.cognito.log_in(person["email"], PASSWORD)
    ground.fakes.ambient.advance(minutes=1)
    renewed = await renew(ground.cognito, way, first["RefreshToken"])
    assert set(renewed) == {"AccessToken", "IdToken", "ExpiresIn", "TokenType"}
    assert (renewed["ExpiresIn"], renewed["TokenType"]) == (300, "Bearer")
    before, after = claims(first["AccessToken"]), claims(renewed["AccessToken"])
    for name in ("origin_jti", "auth_time", "sub", "client_id"):
        assert before[name] == after[name]
    assert after["iat"] == before["iat"] + 60
    assert after["jti"] != before["jti"]


@ALL
async def test_id_tokens_carry_what_operators_say_of_the_account_as_it_is_then(
    make_ground: MakeGround, way: str
) -> None:
    ground = await make_ground(tokens={"claims": "team,tier"})
    person = await ground.client.sign_up()
    about = ground.fakes.application.account_claims
    await about.change(person["email"], {"team": "platform", "tier": [3], "other": 1})
    first = await ground.cognito.log_in(person["email"], PASSWORD)
    assert {name: claims(first["IdToken"]).get(name) for name in ("team", "tier", "other")} == {
        "team": "platform",
        "tier": [3],
        "other": None,
    }
    assert not {"team", "tier"} & {*claims(first["AccessToken"])}
    await about.change(person["email"], {"tier": 4}, ["team"])
    after = claims((await renew(ground.cognito, way, first["RefreshToken"]))["IdToken"])
    assert (after["tier"], "team" in after) == (4, False)


@ALL
async def test_a_token_of_either_door_is_good_at_both(ground: Ground, way: str) -> None:
    person = await ground.client.sign_up()
    tokens = await ground.client.log_in(person)
    renewed = await renew(ground.cognito, way, tokens["refreshToken"])
    assert (await ground.client.me({"idToken": renewed["IdToken"]})).status == 200
    of_cognito = await ground.cognito.log_in(person["email"], PASSWORD)
    assert (await ground.client.refresh({"refreshToken": of_cognito["RefreshToken"]})).status == 200


@ALL
@pytest.mark.parametrize("token", ["x", "a.b.c", "rt_" + "A" * 67, "rt_" + "A" * 68, "=", "-" * 5_000])
async def test_what_is_no_refresh_token_is_invalid(ground: Ground, way: str, token: str) -> None:
    assert await refusal(renew(ground.cognito, way, token)) == INVALID


@ALL
async def test_an_access_token_renews_nothing(ground: Ground, way: str) -> None:
    tokens = await ground.client.log_in(await ground.client.sign_up())
    for name in ("accessToken", "idToken"):
        assert await refusal(renew(ground.cognito, way, tokens[name])) == INVALID


@ALL
@pytest.mark.parametrize("end", ["logout", "sign out", "disable", "close"])
async def test_after_the_end_of_the_session_it_has_been_revoked(ground: Ground, way: str, end: str) -> None:
    person = await ground.client.sign_up()
    tokens = await ground.client.log_in(person)
    match end:
        case "logout":
            assert (await ground.client.log_out(tokens)).status == 200
        case "sign out":
            answer = await ground.client.http.delete("/auth/sessions?everywhere=true", headers=bearer(tokens))
            assert answer.status == 204
        case "disable":
            await ground.fakes.application.accounts.disable(person["email"])
        case "close":
            body = {"password": PASSWORD}
            answer = await ground.client.http.delete("/auth/me", headers=bearer(tokens), json=body)
            assert answer.status == 204
    assert await refusal(renew(ground.cognito, way, tokens["refreshToken"])) == REVOKED


@ALL
async def test_it_counts_for_its_own_client(make_ground: MakeGround, way: str) -> None:
    ground = await make_ground(cognito={"clients": "phone,tv"})
    person = await ground.client.sign_up()
    tokens = await ground.of_client("phone").log_in(person["email"], PASSWORD)
    for other in ("tv", "tokenhouse"):
        assert await refusal(renew(ground.of_client(other), way, tokens["RefreshToken"])) == INVALID
    assert (await ground.client.refresh({"refreshToken": tokens["RefreshToken"]})).status == 401
    renewed = await renew(ground.of_client("phone"), way, tokens["RefreshToken"])
    assert claims(renewed["AccessToken"])["client_id"] == claims(renewed["IdToken"])["aud"] == "phone"


@ALL
async def test_the_limit_of_refreshes_is_one_count_at_both_doors(make_ground: MakeGround, way: str) -> None:
    ground = await make_ground(throttle={"exempt": [], "refresh_token": "2/1m"})
    tokens = await ground.client.log_in(await ground.client.sign_up())
    assert (await ground.client.refresh(tokens)).status == 200
    assert await renew(ground.cognito, way, tokens["refreshToken"])
    limited = await refusal(renew(ground.cognito, way, tokens["refreshToken"]))
    assert limited == ("TooManyRequests", "Rate exceeded")
    assert (await ground.client.refresh(tokens)).status == 429


@ALL
async def test_unknown_tokens_are_limited(make_ground: MakeGround, way: str) -> None:
    ground = await make_ground(throttle={"exempt": [], "refresh_unknown": "2/1m"})
    for _ in range(2):
        assert await refusal(renew(ground.cognito, way, "rt_" + "A" * 67)) == INVALID
    assert (await refusal(renew(ground.cognito, way, "rt_" + "A" * 67))).kind == "TooManyRequests"


# --- a client with a secret


@pytest.fixture
async def of_web(make_ground: MakeGround) -> tuple[Ground, Person, str]:
    ground = await make_ground(cognito=WEB, tokens={"refresh_rotation": True, "refresh_grace": "0s"})
    person = await ground.client.sign_up(email="Jane.Roe@Example.com")
    web = ground.of_client("web")
    given = {"USERNAME": person["email"], "PASSWORD": PASSWORD, "SECRET_HASH": secret_hash(person["email"])}
    tokens = (await web.initiate("USER_PASSWORD_AUTH", **given))["AuthenticationResult"]
    return ground, person, tokens["RefreshToken"]


@pytest.mark.parametrize("flow", FLOWS)
async def test_the_hash_is_over_the_id_or_the_address_and_is_checked_before_the_token_is_used(
    of_web: tuple[Ground, Person, str], flow: str
) -> None:
    ground, person, token = of_web
    web = ground.of_client("web")
    assert await refusal(by_flow(web, token, flow)) == NOT_RECEIVED
    for wrong in (secret_hash("bob@example.com"), secret_hash("JANE.ROE@example.com"), "x"):
        assert await refusal(by_flow(web, token, flow, SECRET_HASH=wrong)) == UNABLE
        assert await refusal(by_flow(web, token, flow, SECRET_HASH=wrong, USERNAME="bob@example.com")) == UNABLE
    typed = "JANE.roe@example.COM"
    names = [{}, {"USERNAME": typed}, {}, {}]
    for name, more in zip((person["userId"], typed, person["email"], person["email"].lower()), names, strict=True):
        renewed = await by_flow(web, token, flow, SECRET_HASH=secret_hash(name), **more)
        token = renewed["RefreshToken"]


async def test_a_token_of_nobody_is_refused_whatever_the_hash(of_web: tuple[Ground, Person, str]) -> None:
    ground, _, _ = of_web
    web = ground.of_client("web")
    assert await refusal(by_flow(web, "rt_" + "A" * 67, SECRET_HASH="x")) == INVALID
    own = await ground.cognito.log_in("jane.roe@example.com", PASSWORD)
    for shown in (secret_hash("jane.roe@example.com"), "x"):
        assert await refusal(by_flow(web, own["RefreshToken"], SECRET_HASH=shown)) == INVALID


async def test_get_tokens_takes_the_secret_itself(of_web: tuple[Ground, Person, str]) -> None:
    ground, _, token = of_web
    web = ground.of_client("web")
    assert await refusal(get_tokens(web, token)) == NOT_RECEIVED
    for wrong in (
        SECRET[:-1] + "x",
        SECRET + "x",
        secret_hash("jane.roe@example.com").replace("=", "").replace("/", "_"),
    ):
        assert await refusal(get_tokens(web, token, ClientSecret=wrong)) == UNABLE
    assert (await get_tokens(web, token, ClientSecret=SECRET))["RefreshToken"] != token


async def test_a_client_without_a_secret_may_send_one(ground: Ground) -> None:
    tokens = await ground.client.log_in(await ground.client.sign_up())
    assert await get_tokens(ground.cognito, tokens["refreshToken"], ClientSecret=SECRET)
    assert await by_flow(ground.cognito, tokens["refreshToken"], SECRET_HASH="x", DEVICE_KEY="eu-central-1_a")


# --- rotation


@ALL
async def test_where_tokens_rotate_the_answer_has_the_next_one(make_ground: MakeGround, way: str) -> None:
    ground = await make_ground(**ROTATING)
    person = await ground.client.sign_up()
    token = (await ground.cognito.log_in(person["email"], PASSWORD))["RefreshToken"]
    renewed = await renew(ground.cognito, way, token)
    assert renewed["RefreshToken"] != token
    again = await renew(ground.cognito, way, token)  # within the grace: a retry
    assert again["RefreshToken"] == renewed["RefreshToken"]
    assert (await ground.client.refresh({"refreshToken": renewed["RefreshToken"]})).status == 200


async def test_two_uses_at_once_get_the_same_next_token(make_ground: MakeGround) -> None:
    ground = await make_ground(**ROTATING)
    person = await ground.client.sign_up()
    token = (await ground.cognito.log_in(person["email"], PASSWORD))["RefreshToken"]
    said = await asyncio.gather(*(get_tokens(ground.cognito, token) for _ in range(3)))
    assert len({one["RefreshToken"] for one in said}) == 1


@pytest.mark.parametrize("rotations", [1, 2, 4])
async def test_a_token_that_was_replaced_is_a_reuse_that_ends_the_session(
    make_ground: MakeGround, rotations: int
) -> None:
    ground = await make_ground(**ROTATING)
    person = await ground.client.sign_up()
    stolen = last = await ground.cognito.log_in(person["email"], PASSWORD)
    for _ in range(rotations):
        last = await get_tokens(ground.cognito, last["RefreshToken"])
    ground.fakes.ambient.advance(seconds=10)
    assert not await is_revoked(ground, last["AccessToken"])
    assert (await refusal(get_tokens(ground.cognito, stolen["RefreshToken"]))).kind == "RefreshTokenReuse"
    assert await is_revoked(ground, last["AccessToken"])
    for token in (stolen, last):
        assert await refusal(get_tokens(ground.cognito, token["RefreshToken"])) == REVOKED
        assert await refusal(by_flow(ground.cognito, token["RefreshToken"])) == REVOKED


async def test_a_reuse_by_the_flow_is_not_authorized(make_ground: MakeGround) -> None:
    ground = await make_ground(tokens={"refresh_rotation": True, "refresh_grace": "0s"})
    person = await ground.client.sign_up()
    first = await ground.cognito.log_in(person["email"], PASSWORD)
    await by_flow(ground.cognito, first["RefreshToken"])
    assert (await refusal(by_flow(ground.cognito, first["RefreshToken"]))).kind == "NotAuthorized"


async def test_a_made_up_token_of_a_session_is_invalid_and_ends_nothing(make_ground: MakeGround) -> None:
    ground = await make_ground(**ROTATING)
    tokens = await ground.client.log_in(await ground.client.sign_up())
    assert await refusal(get_tokens(ground.cognito, tokens["refreshToken"][:27] + "A" * 43)) == INVALID
    assert await get_tokens(ground.cognito, tokens["refreshToken"])


async def test_who_cannot_prove_to_be_the_client_ends_no_session_with_a_spent_token(make_ground: MakeGround) -> None:
    """It may lie in a log."""
    ground = await make_ground(cognito=WEB, tokens={"refresh_rotation": True, "refresh_grace": "0s"})
    web, person = ground.of_client("web"), await ground.client.sign_up()
    good = secret_hash(person["email"])
    given = {"USERNAME": person["email"], "PASSWORD": PASSWORD, "SECRET_HASH": good}
    first = (await web.initiate("USER_PASSWORD_AUTH", **given))["AuthenticationResult"]
    await by_flow(web, first["RefreshToken"], USERNAME=person["email"], SECRET_HASH=good)
    assert await refusal(by_flow(web, first["RefreshToken"], SECRET_HASH="wrong")) == UNABLE
    assert not await is_revoked(ground, first["AccessToken"])
    reused = await refusal(by_flow(web, first["RefreshToken"], USERNAME=person["email"], SECRET_HASH=good))
    assert reused.message == "Refresh token has been used already."
    assert await is_revoked(ground, first["AccessToken"])
