"""Passkeys by Cognito's operations are those of /auth/factors/passkeys."""

from typing import Any

import pytest

from service.domain.accounts.member_passkeys import MOST
from tests.api.test_login_steps import refused
from tests.cognito.conftest import Ground, MakeGround
from tests.cognito.test_software_tokens import Owner, an_owner
from tests.conftest import bearer
from tests.support import passkeys
from tests.support import second_factors as second
from tests.support.authenticators import SETTINGS, Authenticator, encoded
from tests.support.builders import PASSWORD


@pytest.fixture
async def owner(make_ground: MakeGround) -> Owner:
    return await an_owner(await make_ground(passkeys=SETTINGS))


async def options(owner: Owner) -> dict[str, Any]:
    return dict((await owner.call("StartWebAuthnRegistration"))["CredentialCreationOptions"])


async def register(owner: Owner, device: Authenticator | None = None) -> Authenticator:
    device = device or Authenticator()
    assert await owner.call("CompleteWebAuthnRegistration", Credential=device.register(await options(owner))) == {}
    return device


async def listed(owner: Owner, **members: Any) -> list[dict[str, Any]]:
    return list((await owner.call("ListWebAuthnCredentials", **members))["Credentials"])


async def test_a_passkey_that_is_registered_here_logs_in_at_auth_and_ends_the_other_sessions(owner: Owner) -> None:
    client = owner.ground.client
    other = await client.log_in(owner.person)
    device = await register(owner)
    assert (await client.me(other)).status == 401
    assert (await passkeys.log_in_by(client, device)).status == 200
    assert await refused(second.log_in(client, owner.person)) == (401, "second_factor_required")
    shown = await passkeys.held(client, owner.as_auth)
    assert [one["passkeyId"] for one in shown] == [encoded(device.id)]


async def test_the_options_are_for_a_browser_and_name_what_is_there(owner: Owner) -> None:
    device = await register(owner)
    asked = await options(owner)
    assert asked["rp"]["id"] == SETTINGS["rp_id"]
    assert asked["user"]["displayName"] == "Ada Lovelace"
    assert [one["id"] for one in asked["excludeCredentials"]] == [encoded(device.id)]


async def test_passkeys_of_both_doors_are_listed_with_what_is_known_of_them(owner: Owner) -> None:
    now = owner.ground.fakes.ambient.now().timestamp()
    here = await register(owner)
    (shown,) = await passkeys.held(owner.ground.client, owner.as_auth)
    assert shown["name"] == "Passkey of Python"
    assert await listed(owner) == [
        {
            "CredentialId": encoded(here.id),
            "FriendlyCredentialName": "Passkey of Python",
            "RelyingPartyId": SETTINGS["rp_id"],
            "AuthenticatorTransports": ["hybrid", "internal"],
            "CreatedAt": now,
        }
    ]
    eve = await an_owner(owner.ground)
    there, _ = await passkeys.enrol(owner.ground.client, eve.person, eve.as_auth)
    assert [one["CredentialId"] for one in await listed(eve)] == [encoded(there.id)]
    assert (await listed(eve))[0]["FriendlyCredentialName"] == "My phone"


async def test_a_list_comes_in_pages(owner: Owner) -> None:
    ids = set()
    for _ in range(5):
        owner.ground.fakes.ambient.advance(seconds=1)
        ids.add(encoded((await register(owner)).id))
    page = await owner.call("ListWebAuthnCredentials", MaxResults=2)
    found = [one["CredentialId"] for one in page["Credentials"]]
    while "NextToken" in page:
        page = await owner.call("ListWebAuthnCredentials", MaxResults=2, NextToken=page["NextToken"])
        assert 1 <= len(page["Credentials"]) <= 2
        found += [one["CredentialId"] for one in page["Credentials"]]
    assert len(found) == 5
    assert set(found) == ids
    assert len(await listed(owner)) == len(await listed(owner, MaxResults=0)) == 5
    assert "NextToken" not in await owner.call("ListWebAuthnCredentials", MaxResults=5)
    assert (await owner.refused("ListWebAuthnCredentials", NextToken="made-up"))[0] == "InvalidParameter"


async def test_a_passkey_is_deleted_and_the_password_is_enough_again(owner: Owner) -> None:
    device = await register(owner)
    assert await owner.call("DeleteWebAuthnCredential", CredentialId=encoded(device.id)) == {}
    assert await listed(owner) == []
    assert await owner.log_in() == 200
    assert await refused(passkeys.log_in_by(owner.ground.client, device)) == (401, "invalid_code")
    gone = await owner.refused("DeleteWebAuthnCredential", CredentialId=encoded(device.id))
    assert gone[0] == "ResourceNotFound"


async def test_a_passkey_of_auth_factors_is_deleted_here_and_one_of_here_there(owner: Owner) -> None:
    client = owner.ground.client
    device, added = await passkeys.enrol(client, owner.person, owner.as_auth)
    assert await owner.call("DeleteWebAuthnCredential", CredentialId=added["passkeyId"]) == {}
    assert await passkeys.held(client, owner.as_auth) == []
    device = await register(owner)
    proof = device.prove(await passkeys.options(client))
    body = {"password": PASSWORD, "credential": proof}
    path = f"/auth/factors/passkeys/{encoded(device.id)}"
    assert (await client.http.delete(path, headers=bearer(owner.as_auth), json=body)).status == 204
    assert await listed(owner) == []


@pytest.mark.parametrize("wanted", ["AAAA", "x", "no base64url!", "\u00e9"])
async def test_what_is_no_passkey_of_the_user_is_not_deleted(owner: Owner, wanted: str) -> None:
    eve = await an_owner(owner.ground)
    of_eve = encoded((await register(eve)).id)
    for one in (wanted, of_eve):
        assert (await owner.refused("DeleteWebAuthnCredential", CredentialId=one))[0] == "ResourceNotFound"
    assert len(await listed(eve)) == 1


async def test_a_challenge_is_good_once_and_for_its_user(owner: Owner) -> None:
    eve, asked, device = await an_owner(owner.ground), await options(owner), Authenticator()
    refusal = await eve.refused("CompleteWebAuthnRegistration", Credential=device.register(asked))
    assert refusal[0] == "WebAuthnChallengeNotFound"
    asked = await options(owner)
    await owner.call("CompleteWebAuthnRegistration", Credential=device.register(asked))
    refusal = await owner.refused("CompleteWebAuthnRegistration", Credential=Authenticator().register(asked))
    assert refusal[0] == "WebAuthnChallengeNotFound"


@pytest.mark.parametrize(
    ("device", "kind"),
    [
        (Authenticator(origin="https://evil.example"), "WebAuthnOriginNotAllowed"),
        (Authenticator(rp_id="evil.example"), "WebAuthnRelyingPartyMismatch"),
        (Authenticator(flags=0x01), "WebAuthnCredentialNotSupported"),
    ],
)
async def test_a_wrong_credential_is_refused_by_what_is_wrong_with_it(
    owner: Owner, device: Authenticator, kind: str
) -> None:
    credential = device.register(await options(owner))
    assert (await owner.refused("CompleteWebAuthnRegistration", Credential=credential))[0] == kind
    assert await listed(owner) == []


@pytest.mark.parametrize("credential", [{}, {"id": "x"}, {"response": {"clientDataJSON": "e30"}}, {"response": 5}])
async def test_what_is_no_credential_is_an_invalid_parameter(owner: Owner, credential: dict[str, Any]) -> None:
    assert (await owner.refused("CompleteWebAuthnRegistration", Credential=credential))[0] == "InvalidParameter"


async def test_a_credential_has_one_owner(owner: Owner) -> None:
    device, eve = await register(owner), await an_owner(owner.ground)
    credential = device.register(await options(eve))
    assert (await eve.refused("CompleteWebAuthnRegistration", Credential=credential))[0] == "InvalidParameter"


async def test_a_user_has_ten_at_the_most(owner: Owner) -> None:
    late = Authenticator().register(await options(owner))
    for _ in range(MOST):
        await register(owner)
    assert (await owner.refused("StartWebAuthnRegistration"))[0] == "LimitExceeded"
    assert (await owner.refused("CompleteWebAuthnRegistration", Credential=late))[0] == "LimitExceeded"


async def test_where_they_are_not_set_up_it_is_said(ground: Ground) -> None:
    owner = await an_owner(ground)
    assert (await owner.refused("StartWebAuthnRegistration"))[0] == "WebAuthnNotEnabled"
    assert (await owner.refused("CompleteWebAuthnRegistration", Credential={}))[0] == "WebAuthnNotEnabled"
    assert await listed(owner) == []
    assert (await owner.refused("DeleteWebAuthnCredential", CredentialId="AAAA"))[0] == "ResourceNotFound"


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("StartWebAuthnRegistration", {}),
        ("CompleteWebAuthnRegistration", {"Credential": {}}),
        ("ListWebAuthnCredentials", {}),
        ("DeleteWebAuthnCredential", {"CredentialId": "AAAA"}),
    ],
)
async def test_an_access_token_is_asked_for(owner: Owner, operation: str, members: dict[str, Any]) -> None:
    refusal = await owner.ground.cognito.refused(operation, AccessToken=owner.tokens["IdToken"], **members)
    assert refusal == ("NotAuthorized", "Invalid Access Token")
    await owner.call("GlobalSignOut")
    assert await owner.refused(operation, **members) == ("NotAuthorized", "Access Token has been revoked")
