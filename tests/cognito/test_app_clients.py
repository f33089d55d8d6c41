"""App clients: tokens carry the client they were issued to, and each door takes the tokens it says it takes."""

import pytest

from service.domain.models import Visitor
from tests.cognito.conftest import Ground, MakeGround
from tests.conftest import bearer
from tests.support import resource_servers
from tests.support.builders import claims_of

SHOP, BANK = "shop", "bank"


def as_auth(tokens: dict[str, str]) -> dict[str, str]:
    """The tokens of an AuthenticationResult, in the words of /auth/*."""
    return {"idToken": tokens["IdToken"], "accessToken": tokens["AccessToken"], "refreshToken": tokens["RefreshToken"]}


@pytest.fixture
async def ground(make_ground: MakeGround) -> Ground:
    return await make_ground({"clients": f"{SHOP},{BANK}"})


async def logged_in(ground: Ground, client_id: str) -> dict[str, str]:
    person = await ground.client.sign_up()
    return as_auth(await ground.of_client(client_id).log_in(person["email"], person["password"]))


async def test_tokens_name_the_client_that_they_were_issued_to(ground: Ground) -> None:
    tokens = await logged_in(ground, SHOP)
    assert claims_of(tokens["idToken"])["aud"] == SHOP
    assert claims_of(tokens["accessToken"])["client_id"] == SHOP
    own = await logged_in(ground, "tokenhouse")
    assert claims_of(own["idToken"])["aud"] == claims_of(own["accessToken"])["client_id"] == "tokenhouse"


async def test_an_id_token_of_another_client_is_refused_by_every_kind_of_call_of_ours(ground: Ground) -> None:
    tokens = await logged_in(ground, SHOP)
    for path in ("/auth/me", "/auth/sessions", "/auth/verify"):
        answer = await ground.client.get(path, **bearer(tokens))
        assert (answer.status, (await answer.json())["code"]) == (401, "invalid_token"), path
    refused = await ground.client.log_out(tokens)
    assert refused.status == 401
    assert (await ground.cognito.call("GetUser", AccessToken=tokens["accessToken"]))["Username"]  # nothing was ended


async def test_a_listed_client_s_tokens_are_taken(make_ground: MakeGround) -> None:
    ground = await make_ground({"clients": f"{SHOP},{BANK}"}, tokens={"accepted_clients": SHOP})
    shop, bank = await logged_in(ground, SHOP), await logged_in(ground, BANK)
    assert (await ground.client.me(shop)).status == 200
    assert (await ground.client.me(bank)).status == 401
    assert (await ground.client.log_out(shop)).status == 200
    refusal = await ground.cognito.refused("GetUser", AccessToken=shop["accessToken"])
    assert refusal.message == "Access Token has been revoked"


@pytest.mark.parametrize("rotation", [False, True])
async def test_a_refresh_token_counts_for_its_own_client_and_another_does_not_use_it_up(
    make_ground: MakeGround, *, rotation: bool
) -> None:
    ground = await make_ground({"clients": SHOP}, tokens={"refresh_rotation": rotation, "accepted_clients": SHOP})
    shop, own = await logged_in(ground, SHOP), await logged_in(ground, "tokenhouse")
    refused = await ground.client.refresh(shop)
    assert (refused.status, (await refused.json())["code"]) == (401, "invalid_refresh_token")
    assert (await ground.client.refresh(own)).status == 200
    refreshed = await ground.fakes.application.sessions.refresh(shop["refreshToken"], Visitor("192.0.2.1"), SHOP)
    assert claims_of(refreshed.tokens.id_token)["aud"] == SHOP


@pytest.mark.parametrize("kind", ["idToken", "accessToken", "refreshToken"])
async def test_resource_servers_are_told_of_tokens_that_our_calls_take_alone(
    make_ground: MakeGround, kind: str
) -> None:
    ground = await make_ground(
        {"clients": f"{SHOP},{BANK}"}, tokens={"accepted_clients": SHOP}, introspection=resource_servers.KNOWN
    )
    shop, bank = await logged_in(ground, SHOP), await logged_in(ground, BANK)
    told = await resource_servers.introspect(ground.client, shop[kind])
    assert (told["active"], told["client_id"]) == (True, SHOP)
    assert await resource_servers.introspect(ground.client, bank[kind]) == {"active": False}
    assert (await resource_servers.ask(ground.client, "/auth/revoke", bank[kind])).status == 200
    await ground.cognito.call("GetUser", AccessToken=bank["accessToken"])  # still good
    assert (await resource_servers.ask(ground.client, "/auth/revoke", shop[kind])).status == 200
    assert (await ground.cognito.refused("GetUser", AccessToken=shop["accessToken"])).kind == "NotAuthorized"


async def test_a_client_that_is_no_longer_listed_has_no_tokens(make_ground: MakeGround) -> None:
    before = await make_ground({"clients": SHOP})
    tokens = await logged_in(before, SHOP)
    after = await make_ground()
    refusal = await after.cognito.refused("GetUser", AccessToken=tokens["accessToken"])
    assert refusal.kind == "NotAuthorized"
    assert (await after.client.me(tokens)).status == 401
