"""RevokeToken: the end of a session, by its refresh token."""

import pytest

from tests.cognito.conftest import Ground, MakeGround
from tests.conftest import Serve, bearer
from tests.support.builders import PASSWORD
from tests.support.cognito import CognitoClient, Refused
from tests.support.sign_ins import SECRET, WEB, elsewhere, refusal, secret_hash

REVOKED = Refused("NotAuthorized", "Refresh Token has been revoked")


async def revoke(cognito: CognitoClient, token: str, **more: str) -> None:
    assert await cognito.call("RevokeToken", ClientId=cognito.client_id, Token=token, **more) == {}


async def test_it_ends_the_session_at_both_doors_and_every_instance_and_no_other(ground: Ground, serve: Serve) -> None:
    there = await elsewhere(ground.fakes, serve)
    person = await ground.client.sign_up()
    tokens, other = await ground.cognito.log_in(person["email"], PASSWORD), await ground.client.log_in(person)
    await revoke(ground.cognito, tokens["RefreshToken"], RevokeAssociatedSessions="NONE")
    for one in (ground.cognito, there.cognito):
        access = await one.refused("GetUser", AccessToken=tokens["AccessToken"])
        assert access == ("NotAuthorized", "Access Token has been revoked")
        assert await refusal(one.initiate("REFRESH_TOKEN", REFRESH_TOKEN=tokens["RefreshToken"])) == REVOKED
    for client in (ground.client, there.client):
        assert (await client.get("/auth/me", **bearer({"idToken": tokens["IdToken"]}))).status == 401
        assert (await client.refresh({"refreshToken": tokens["RefreshToken"]})).status == 401
        assert (await client.me(other)).status == 200
    assert (await ground.client.refresh(other)).status == 200


@pytest.mark.parametrize("token", ["x", "rt_" + "A" * 67, "rt_" + "A" * 66, "a.b", "=", "A" * 3_000])
async def test_what_is_no_refresh_token_or_unknown_is_well(ground: Ground, token: str) -> None:
    await revoke(ground.cognito, token)


async def test_twice_is_well_also_after_a_logout_at_the_other_door(ground: Ground) -> None:
    person = await ground.client.sign_up()
    tokens, gone = await ground.client.log_in(person), await ground.client.log_in(person)
    for _ in range(3):
        await revoke(ground.cognito, tokens["refreshToken"])
    await ground.client.log_out(gone)
    await revoke(ground.cognito, gone["refreshToken"])


async def test_access_and_id_tokens_are_unsupported(ground: Ground) -> None:
    tokens = await ground.client.log_in(await ground.client.sign_up())
    for name in ("accessToken", "idToken"):
        refused = await ground.cognito.refused("RevokeToken", ClientId="tokenhouse", Token=tokens[name])
        assert refused.kind == "UnsupportedTokenType"
    assert (await ground.client.me(tokens)).status == 200


async def test_only_the_token_s_own_client_may_revoke_it(make_ground: MakeGround) -> None:
    ground = await make_ground(cognito={"clients": f"web:{SECRET},phone"})
    person = await ground.client.sign_up()
    tokens = await ground.of_client("phone").log_in(person["email"], PASSWORD)
    for other, more in (("tokenhouse", {}), ("web", {"ClientSecret": SECRET})):
        refused = await ground.cognito.refused("RevokeToken", ClientId=other, Token=tokens["RefreshToken"], **more)
        assert refused.kind == "Unauthorized"
    assert await ground.of_client("phone").initiate("REFRESH_TOKEN", REFRESH_TOKEN=tokens["RefreshToken"])
    await revoke(ground.of_client("phone"), tokens["RefreshToken"])


async def test_an_unknown_client_or_a_wrong_secret_is_unauthorized(make_ground: MakeGround) -> None:
    ground = await make_ground(cognito=WEB)
    person, web = await ground.client.sign_up(), ground.of_client("web")
    given = {"USERNAME": person["email"], "PASSWORD": PASSWORD, "SECRET_HASH": secret_hash(person["email"])}
    token = (await web.initiate("USER_PASSWORD_AUTH", **given))["AuthenticationResult"]["RefreshToken"]
    for client_id, more in (("nobody", {}), ("web", {}), ("web", {"ClientSecret": SECRET[:-1] + "x"})):
        refused = await web.refused("RevokeToken", ClientId=client_id, Token=token, **more)
        assert refused.kind == "Unauthorized"
    await revoke(web, token, ClientSecret=SECRET)


async def test_the_current_token_and_one_within_the_grace_end_a_rotating_session(make_ground: MakeGround) -> None:
    ground = await make_ground(tokens={"refresh_rotation": True})
    person = await ground.client.sign_up()
    for shown in (0, 1):
        first = await ground.client.log_in(person)
        second = await (await ground.client.refresh(first)).json()
        await revoke(ground.cognito, (first, second)[shown]["refreshToken"])
        assert (await ground.client.me(second)).status == 401


async def test_guesses_are_limited(make_ground: MakeGround) -> None:
    ground = await make_ground(throttle={"exempt": [], "refresh_unknown": "2/1m"})
    tokens = await ground.client.log_in(await ground.client.sign_up())
    for _ in range(2):
        await revoke(ground.cognito, "rt_" + "A" * 67)
    refused = await ground.cognito.refused("RevokeToken", ClientId="tokenhouse", Token="rt_" + "A" * 67)
    assert refused == ("TooManyRequests", "Rate exceeded")
    await revoke(ground.cognito, tokens["refreshToken"])
    assert (await ground.client.me(tokens)).status == 401
