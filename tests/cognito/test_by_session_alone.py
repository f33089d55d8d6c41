"""What an access token alone does to the factors of an account: it proves nothing of the password, and has its limits."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from service.domain.accounts.factors import NewTotp
from tests.api.test_login_steps import refused
from tests.cognito.conftest import Ground, MakeGround
from tests.cognito.test_software_tokens import OFF, ON, WRONG_CODE, Owner, an_owner
from tests.conftest import bearer
from tests.support import passkeys
from tests.support import second_factors as second
from tests.support.authenticators import SETTINGS, Authenticator
from tests.support.cognito import CognitoFailure
from tests.support.postbox import MAIL, Postbox, prove
from tests.support.second_factors import App

KNOWN = "th:limit:{login}:known:*"
LIMITS: dict[str, Any] = {"exempt": [], "login_account_source": "5/5m", "login_known_source": "5/5m"}
LAST = ("InvalidParameter", "Users of this user pool must have a second factor, and this is the last one.")

# --- factors of the caller's own making


Finish = Callable[[], Awaitable[object]]


async def app_by_token(owner: Owner) -> Finish:
    secret = await owner.associate()
    return lambda: owner.call("VerifySoftwareToken", UserCode=owner.code(secret))


async def app_at_auth(owner: Owner) -> Finish:
    begun = await second.begin(owner.ground.client, owner.person, owner.as_auth)
    app = App((await begun.json())["uri"])

    async def finish() -> None:
        code = app.code(owner.ground.fakes.ambient.now())
        assert (await second.confirm(owner.ground.client, owner.as_auth, code)).status == 200

    return finish


async def passkey_by_token(owner: Owner) -> Finish:
    options = (await owner.call("StartWebAuthnRegistration"))["CredentialCreationOptions"]
    return lambda: owner.call("CompleteWebAuthnRegistration", Credential=Authenticator().register(options))


async def passkey_at_auth(owner: Owner) -> Finish:
    options = await (await passkeys.begin(owner.ground.client, owner.person, owner.as_auth)).json()

    async def finish() -> None:
        credential = Authenticator().register(options)
        assert (await passkeys.add(owner.ground.client, owner.as_auth, credential)).status == 201

    return finish


async def key_with_a_code_of_an_own_app(owner: Owner) -> Finish:
    secret = await owner.keep()
    await owner.call("SetUserMFAPreference", **ON)

    async def finish() -> None:
        body = {"code": owner.code(secret)}
        assert (await owner.ground.client.post("/auth/api-key", body, **bearer(owner.as_auth))).status == 200

    return finish


WAYS = [app_by_token, app_at_auth, passkey_by_token, passkey_at_auth, key_with_a_code_of_an_own_app]


async def guess(owner: Owner) -> int:
    client, wrong = owner.ground.client, owner.person | {"password": "Wrong-Guess1!"}
    return (await second.log_in(client, wrong)).status


@pytest.mark.parametrize("begin", WAYS)
async def test_a_code_of_the_caller_s_own_making_clears_no_count_of_wrong_passwords(
    make_ground: MakeGround, begin: Callable[[Owner], Awaitable[Finish]]
) -> None:
    owner = await an_owner(await make_ground(passkeys=SETTINGS, throttle=LIMITS))
    finish = await begin(owner)
    assert [await guess(owner) for _ in range(4)] == [401] * 4
    await finish()
    assert [await guess(owner) for _ in range(2)] == [401, 429]


@pytest.mark.parametrize("begin", WAYS)
async def test_a_code_of_the_caller_s_own_making_makes_no_source_known(
    make_ground: MakeGround, begin: Callable[[Owner], Awaitable[Finish]]
) -> None:
    """A known source has limits of its own for 30 days."""
    owner = await an_owner(await make_ground(passkeys=SETTINGS, throttle=LIMITS))
    finish = await begin(owner)
    redis = owner.ground.fakes.redis
    assert await redis.delete(*await redis.keys(KNOWN)) == 1
    await finish()
    assert await redis.keys(KNOWN) == []


# --- each door finishes what it began


async def test_an_app_that_was_begun_by_an_access_token_is_not_finished_at_auth(owner: Owner) -> None:
    secret = await owner.associate()
    confirming = second.confirm(owner.ground.client, owner.as_auth, owner.code(secret))
    assert await refused(confirming) == (401, "invalid_code")
    assert await owner.log_in() == 200
    assert await owner.call("VerifySoftwareToken", UserCode=owner.code(secret)) == {"Status": "SUCCESS"}


async def test_an_app_that_was_begun_at_auth_is_not_finished_by_an_access_token(owner: Owner) -> None:
    begun = await second.begin(owner.ground.client, owner.person, owner.as_auth)
    new = NewTotp(**await begun.json())
    other = await owner.associate()  # puts nothing in the place of the one at /auth
    assert await owner.refused("VerifySoftwareToken", UserCode=owner.code(new.secret)) == WRONG_CODE
    assert await owner.call("VerifySoftwareToken", UserCode=owner.code(other)) == {"Status": "SUCCESS"}
    confirmed = await second.confirm(owner.ground.client, owner.as_auth, owner.code(new.secret))
    assert len((await confirmed.json())["recoveryCodes"]) == 10


async def test_a_passkey_is_added_by_the_door_that_began_it(owner: Owner) -> None:
    client = owner.ground.client
    by_token = (await owner.call("StartWebAuthnRegistration"))["CredentialCreationOptions"]
    adding = passkeys.add(client, owner.as_auth, Authenticator().register(by_token))
    assert await refused(adding) == (401, "invalid_code")
    at_auth = await (await passkeys.begin(client, owner.person, owner.as_auth)).json()
    credential = Authenticator().register(at_auth)
    assert (await owner.refused("CompleteWebAuthnRegistration", Credential=credential))[
        0
    ] == "WebAuthnChallengeNotFound"
    assert await passkeys.held(client, owner.as_auth) == []


@pytest.fixture
async def owner(make_ground: MakeGround) -> Owner:
    return await an_owner(await make_ground(passkeys=SETTINGS))


# --- so many changes an hour


@pytest.mark.parametrize(
    ("operation", "members", "kind"),
    [
        ("SetUserMFAPreference", ON, "Forbidden"),
        ("SetUserMFAPreference", OFF, "Forbidden"),
        ("VerifySoftwareToken", {"UserCode": "123456"}, "TooManyRequests"),
        ("CompleteWebAuthnRegistration", {"Credential": {}}, "TooManyRequests"),
        ("DeleteWebAuthnCredential", {"CredentialId": "AAAA"}, "TooManyRequests"),
    ],
)
async def test_changes_of_factors_count_as_changes_of_attributes_do(
    make_ground: MakeGround, operation: str, members: dict[str, Any], kind: str
) -> None:
    owner = await an_owner(await make_ground(passkeys=SETTINGS, throttle={"exempt": [], "profile_change": "2/1h"}))
    other = await an_owner(owner.ground)
    for _ in range(2):
        await owner.call("UpdateUserAttributes", UserAttributes=[{"Name": "nickname", "Value": "Ada"}])
    assert await owner.refused(operation, **members) == (kind, "Rate exceeded")
    assert await answered(other, operation, members) != kind
    owner.ground.fakes.ambient.advance(minutes=30)
    assert await answered(owner, operation, members) != kind


async def answered(owner: Owner, operation: str, members: dict[str, Any]) -> str:
    try:
        await owner.call(operation, **members)
    except CognitoFailure as refusal:
        return refusal.kind
    return ""


async def test_turning_an_app_on_and_off_mails_its_owner_so_often_and_no_more(make_ground: MakeGround) -> None:
    owner = await an_owner(await make_ground(mail=MAIL, throttle={"exempt": [], "profile_change": "5/1h"}))
    prove(owner.ground.fakes.users, owner.person)
    postbox = Postbox(owner.ground.fakes.application)
    await owner.keep()
    told = [await answered(owner, "SetUserMFAPreference", (ON, OFF)[turn % 2]) for turn in range(20)]
    assert told == [""] * 4 + ["Forbidden"] * 16
    await postbox.collect()
    assert len(postbox.notices) == 4


# --- the last factor, where each account must have one


@pytest.fixture
async def bound(make_ground: MakeGround) -> Owner:
    """Who had a session before a factor was required of everybody."""
    ground = await make_ground(passkeys=SETTINGS)
    owner = await an_owner(ground)
    for part in (ground.fakes.application.factors, ground.fakes.application.passkeys):
        object.__setattr__(part, "must_have_one", True)
    return owner


async def test_an_access_token_does_not_turn_the_last_factor_off(bound: Owner) -> None:
    await bound.keep()
    assert await bound.call("SetUserMFAPreference", **OFF) == {}  # it was none
    await bound.call("SetUserMFAPreference", **ON)
    assert await bound.refused("SetUserMFAPreference", **OFF) == LAST
    assert await bound.log_in() == 401
    await passkeys_of(bound, 1)
    assert await bound.call("SetUserMFAPreference", **OFF) == {}


async def test_an_access_token_does_not_delete_the_last_passkey(bound: Owner) -> None:
    first, last = await passkeys_of(bound, 2)
    assert await bound.call("DeleteWebAuthnCredential", CredentialId=first) == {}
    assert await bound.refused("DeleteWebAuthnCredential", CredentialId=last) == LAST
    assert [one["CredentialId"] for one in (await bound.call("ListWebAuthnCredentials"))["Credentials"]] == [last]
    await bound.keep()
    await bound.call("SetUserMFAPreference", **ON)
    assert await bound.call("DeleteWebAuthnCredential", CredentialId=last) == {}


async def test_where_no_factor_is_required_it_does(owner: Owner) -> None:
    (only,) = await passkeys_of(owner, 1)
    assert await owner.call("DeleteWebAuthnCredential", CredentialId=only) == {}
    await owner.keep()
    await owner.call("SetUserMFAPreference", **ON)
    assert await owner.call("SetUserMFAPreference", **OFF) == {}


async def passkeys_of(owner: Owner, count: int) -> list[str]:
    for _ in range(count):
        finish = await passkey_by_token(owner)
        await finish()
        owner.ground.fakes.ambient.advance(seconds=1)
    return [one["CredentialId"] for one in (await owner.call("ListWebAuthnCredentials"))["Credentials"]]


async def test_the_domain_knows_the_setting(make_ground: MakeGround) -> None:
    for wanted in ("required", "optional"):
        ground: Ground = await make_ground(accounts={"second_factor": wanted}, passkeys=SETTINGS)
        parts = ground.fakes.application.factors, ground.fakes.application.passkeys
        assert [part.must_have_one for part in parts] == [wanted == "required"] * 2
