"""Sessions by Cognito's operations are those of /auth/sessions."""

import re
from typing import Any

import pytest

from service.cognito.user_sessions import session_id
from tests.cognito.conftest import Ground, MakeGround
from tests.cognito.test_software_tokens import Owner, an_owner
from tests.conftest import bearer
from tests.support.builders import claims_of

REVOKED = ("NotAuthorized", "Access Token has been revoked")


@pytest.fixture
async def owner(ground: Ground) -> Owner:
    return await an_owner(ground)


async def listed(owner: Owner) -> list[dict[str, Any]]:
    return list((await owner.call("ListUserSessions"))["Sessions"])


async def test_signing_out_globally_ends_every_session_at_both_doors(owner: Owner) -> None:
    other = await owner.ground.client.log_in(owner.person)
    mine = owner.as_auth | {"refreshToken": owner.tokens["RefreshToken"]}
    assert await owner.call("GlobalSignOut") == {}
    for tokens in (other, mine):
        assert (await owner.ground.client.me(tokens)).status == 401
        assert (await owner.ground.client.refresh(tokens)).status == 401
    for operation in ("GlobalSignOut", "GetUser"):
        assert await owner.refused(operation) == REVOKED
    refusal = await owner.ground.cognito.refused("GetUser", AccessToken=other["accessToken"])
    assert refusal == REVOKED
    again = await owner.ground.cognito.log_in(owner.person["email"], owner.person["password"])
    await owner.ground.cognito.call("GetUser", AccessToken=again["AccessToken"])


async def test_signing_out_leaves_others_alone(owner: Owner) -> None:
    eve = await an_owner(owner.ground)
    await owner.call("GlobalSignOut")
    await eve.call("GetUser")


async def test_the_sessions_of_both_doors_are_listed(make_ground: MakeGround) -> None:
    ground = await make_ground({"clients": "shop"})
    owner, at = await an_owner(ground), ground.fakes.ambient.now().timestamp()
    ground.fakes.ambient.advance(minutes=1)
    await ground.client.log_in(owner.person)
    ground.fakes.ambient.advance(minutes=1)
    await ground.of_client("shop").log_in(owner.person["email"], owner.person["password"])
    first, second, third = await listed(owner)
    assert re.fullmatch(r"tkn[a-z0-9]{25}", first["SessionId"])
    assert first | {"SessionId": "", "DeviceType": ""} == {
        "SessionId": "",
        "SessionType": "TOKEN",
        "ClientId": "tokenhouse",
        "CreateDate": at,
        "LastActiveDate": at,
        "DeviceType": "",
        "LastIPAddress": "127.0.0.0/24",
        "IsCurrentSession": True,
    }
    assert "aiohttp" in first["DeviceType"]
    assert (second["ClientId"], second["CreateDate"], second["IsCurrentSession"]) == ("tokenhouse", at + 60, False)
    assert (third["ClientId"], third["IsCurrentSession"]) == ("shop", False)
    assert len({one["SessionId"] for one in (first, second, third)}) == 3
    shown = await (await ground.client.get("/auth/sessions", **bearer(owner.as_auth))).json()
    assert [session_id(one["sessionId"]) for one in shown["sessions"]] == [
        one["SessionId"] for one in (first, second, third)
    ]


async def test_one_session_is_revoked(owner: Owner) -> None:
    other = await owner.ground.client.log_in(owner.person)
    target = session_id(claims_of(other["idToken"])["origin_jti"])
    assert await owner.call("RevokeUserSession", SessionId=target, RevokeAssociatedSessions="LINKED") == {}
    assert (await owner.ground.client.me(other)).status == 401
    assert (await owner.ground.client.refresh(other)).status == 401
    assert [one["IsCurrentSession"] for one in await listed(owner)] == [True]
    await owner.call("GetUser")


async def test_the_session_that_asks_is_revoked_as_any_other(owner: Owner) -> None:
    (mine,) = await listed(owner)
    assert await owner.call("RevokeUserSession", SessionId=mine["SessionId"]) == {}
    assert await owner.refused("GetUser") == REVOKED


async def test_nobody_revokes_the_session_of_another_user_or_one_that_is_not_there(owner: Owner) -> None:
    eve = await an_owner(owner.ground)
    (of_eve,) = await listed(eve)
    for wanted in (of_eve["SessionId"], "tkn" + "0" * 25, "sso" + of_eve["SessionId"][3:]):
        assert (await owner.refused("RevokeUserSession", SessionId=wanted))[0] == "ResourceNotFound"
    await eve.call("GetUser")
    kind, _ = await owner.refused("RevokeUserSession", SessionId="tkn")
    assert kind == "InvalidParameter"


async def test_a_list_comes_in_pages(make_ground: MakeGround, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.cognito.user_sessions.MOST", 2)
    owner = await an_owner(await make_ground())
    for _ in range(4):
        await owner.ground.client.log_in(owner.person)
    page = await owner.call("ListUserSessions")
    found = [one["SessionId"] for one in page["Sessions"]]
    while "NextToken" in page:
        page = await owner.call("ListUserSessions", NextToken=page["NextToken"])
        found += [one["SessionId"] for one in page["Sessions"]]
    assert len(set(found)) == len(found) == 5


async def test_both_count_with_the_limits_of_auth_sessions(make_ground: MakeGround) -> None:
    limits = {"exempt": [], "session_list": "2/1h", "session_end": "1/1h"}
    owner = await an_owner(await make_ground(throttle=limits))
    await listed(owner)
    assert (await owner.ground.client.get("/auth/sessions", **bearer(owner.as_auth))).status == 200
    assert (await owner.refused("ListUserSessions"))[0] == "TooManyRequests"
    assert (await owner.refused("RevokeUserSession", SessionId="tkn" + "0" * 25))[0] == "ResourceNotFound"
    assert (await owner.refused("RevokeUserSession", SessionId="tkn" + "0" * 25))[0] == "TooManyRequests"
    assert await owner.call("GlobalSignOut") == {}


@pytest.mark.parametrize("operation", ["ListUserSessions", "GlobalSignOut"])
async def test_an_access_token_is_asked_for(owner: Owner, operation: str) -> None:
    for wrong in (owner.tokens["IdToken"], "x"):
        refusal = await owner.ground.cognito.refused(operation, AccessToken=wrong)
        assert refusal == ("NotAuthorized", "Invalid Access Token")
