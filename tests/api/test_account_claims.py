"""`tokens.claims`: what operators say of an account, in its id tokens."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest

from service.domain.accounts import groups, names
from service.domain.accounts.account_claims import MOST_BYTES, InvalidClaimsError, written
from service.domain.signing.tokens import MAX_LENGTH
from service.operator_errors import ConfigurationError
from service.settings import claim_names
from tests.conftest import MakeOnFakes, OnFakes, bearer
from tests.support.builders import claims_of, settings

CLAIMS = {"team": "platform", "tier": 3, "https://example.com/beta": True, "regions": ["eu", {"of": 2}]}


@pytest.fixture
async def chosen(on_fakes: MakeOnFakes) -> OnFakes:
    return await on_fakes(tokens={"claims": ["team", "tier", "https://example.com/beta", "regions"]})


async def a_member(fakes: OnFakes, claims: Mapping[str, Any]) -> dict[str, Any]:
    person = await fakes.client.sign_up()
    if claims:
        await fakes.application.account_claims.change(person["email"], claims)
    return person


async def test_id_tokens_carry_the_chosen_claims_under_their_own_names(chosen: OnFakes) -> None:
    person = await a_member(chosen, {**CLAIMS, "secret": "not chosen"})
    tokens = await chosen.client.log_in(person)
    claims = claims_of(tokens["idToken"])
    assert {name: claims[name] for name in CLAIMS} == CLAIMS
    assert "secret" not in claims
    assert not set(CLAIMS) & set(claims_of(tokens["accessToken"]))
    assert (await chosen.client.me(tokens)).status == 200


async def test_a_refresh_brings_the_claims_as_they_are_then(chosen: OnFakes) -> None:
    person = await a_member(chosen, CLAIMS)
    tokens = await chosen.client.log_in(person)
    left = await chosen.application.account_claims.change(person["email"], {"tier": 4}, ["team"])
    assert left == {name: value for name, value in CLAIMS.items() if name != "team"} | {"tier": 4}
    claims = claims_of((await (await chosen.client.refresh(tokens)).json())["idToken"])
    assert (claims["tier"], "team" in claims) == (4, False)


async def test_without_the_setting_tokens_are_as_they_were(fakes: OnFakes) -> None:
    with_claims, without = await a_member(fakes, CLAIMS), await a_member(fakes, {})
    tokens = [(await fakes.client.log_in(person))["idToken"] for person in (with_claims, without)]
    assert claims_of(tokens[0]).keys() == claims_of(tokens[1]).keys()


async def test_nothing_of_the_contract_is_covered_up_whatever_the_database_holds(
    on_fakes: MakeOnFakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = ["sub", "email", "cognito:groups", "token_use", "exp", "amr", "iss"]
    monkeypatch.setattr(claim_names, "OURS", frozenset())
    monkeypatch.setattr(claim_names, "OF_STANDARDS", frozenset())
    monkeypatch.setattr(claim_names, "PREFIXES_OF_COGNITO", ())
    fakes = await on_fakes(tokens={"claims": ours})
    plain = await a_member(fakes, {})
    person = await a_member(fakes, dict.fromkeys(ours, "forged"))
    await fakes.application.groups.change(person["email"], ["staff"], [])
    claims = claims_of((await fakes.client.log_in(person))["idToken"])
    before = claims_of((await fakes.client.log_in(plain))["idToken"])
    assert (claims["sub"], claims["email"]) == (person["userId"], person["email"])
    assert (claims["cognito:groups"], claims["exp"], claims["iss"]) == (["staff"], before["exp"], before["iss"])


OF_TOKENS = [
    "sub",
    "email",
    "amr",
    "jti",
    "cognito:groups",
    "cognito:x",
    "custom:x",
    "dev:custom:x",
    "identities",
    "nonce",
    "Email",
    "SUB",
    "Cognito:groups",
]


@pytest.mark.parametrize("name", [*OF_TOKENS, "", "1a", "a b"])
async def test_a_name_that_means_something_else_is_refused_in_the_settings_and_by_the_command(name: str) -> None:
    with pytest.raises(ValueError, match="name "):
        settings(tokens={"claims": [name]})
    with pytest.raises(InvalidClaimsError):
        written({name: 1})


def test_a_refused_claim_is_named_where_its_name_can_do_no_harm() -> None:
    with pytest.raises(InvalidClaimsError, match=r"^sub: name no claim "):
        written({"team": 1, "sub": 1})
    with pytest.raises(InvalidClaimsError, match=r"^name claims "):
        written({"\x1b[2J": 1})


@pytest.mark.parametrize(
    "value",
    [
        None,
        1.5,
        2**53,
        -(2**53),
        "a\0",
        "\ud800",
        ["\0"],
        {"a": None},
        {"a\0": 1},
        [[[[[1]]]]],
        {1: 1},
        b"x",
        float("nan"),
    ],
)
def test_what_not_every_reader_takes_alike_is_no_claim(value: object) -> None:
    with pytest.raises(InvalidClaimsError):
        written({"team": value})


@pytest.mark.parametrize("value", ["", "a\n\u2028\U0001f600", 2**53 - 1, 1 - 2**53, 0, False, [], {}, [[[[1]]]]])
async def test_any_other_value_comes_out_as_it_went_in(chosen: OnFakes, value: object) -> None:
    person = await a_member(chosen, {"team": value})
    assert claims_of((await chosen.client.log_in(person))["idToken"])["team"] == value


async def test_an_account_has_so_many_bytes_of_claims_and_no_more(fakes: OnFakes) -> None:
    person = await a_member(fakes, {"a": "x" * (MOST_BYTES - len('{"a": ""}'))})
    with pytest.raises(InvalidClaimsError, match=str(MOST_BYTES)):
        await fakes.application.account_claims.change(person["email"], {"b": 1})
    with pytest.raises(InvalidClaimsError, match=str(MOST_BYTES)):
        await fakes.application.account_claims.change(person["email"], {"a": "\u00e4" * (MOST_BYTES // 2)})
    assert await fakes.application.account_claims.change(person["email"], {"b": 1}, ["a"]) == {"b": 1}
    assert await fakes.application.account_claims.change("nobody@example.com", {"b": 1}) is None


async def test_the_longest_token_is_one_that_the_service_takes(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(
        tokens={"claims": ["team"], "algorithm": "RS256-3072", "issuer": f"https://{'a' * 63}.example.com"}
    )
    name = "\U00020000" * names.MAX_LENGTH
    local, domain = "l" * 64, ".".join(["d" * 60] * 3) + ".example"
    person = await fakes.client.sign_up(email=f"{local}@{domain[:189]}", firstName=name, lastName=name)
    await fakes.application.account_claims.change(person["email"], {"team": "x" * (MOST_BYTES - len('{"team": ""}'))})
    letters = groups.MOST_BYTES - len('["",""]')
    many = [f"{number:02}{'g' * 60}" for number in range(letters // 65)]
    assert await fakes.application.groups.change(person["email"], many, [])
    tokens = await fakes.client.log_in(person)
    assert max(len(tokens["idToken"]), len(tokens["accessToken"])) <= MAX_LENGTH
    assert (await fakes.client.me(tokens)).status == 200


async def test_they_are_named_in_the_discovery_document_and_are_part_of_the_export(chosen: OnFakes) -> None:
    person = await a_member(chosen, CLAIMS)
    document = await (await chosen.client.get("/.well-known/openid-configuration")).json()
    assert set(CLAIMS) <= set(document["claims_supported"])
    exported = await (await chosen.client.get("/auth/export", **bearer(await chosen.client.log_in(person)))).json()
    assert exported["claims"] == CLAIMS


async def test_a_change_is_in_the_audit_trail_without_its_content(chosen: OnFakes) -> None:
    events: list[Any] = []
    chosen.application.events.add(events.append)
    person = await a_member(chosen, CLAIMS)
    assert [(one.reason, one.user_id) for one in events[-1:]] == [("claims_changed", UUID(person["userId"]))]
    assert "platform" not in str(events)


def test_the_setting_is_a_list_or_has_commas() -> None:
    assert settings(tokens={"claims": "team, tier"}).tokens.claims == ("team", "tier")
    with pytest.raises((ConfigurationError, ValueError)):
        settings(tokens={"claims": "team,sub"})
