"""Passkeys: added by their owner, good alone and as a second factor, and refused whenever anything about them is wrong."""

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import cbor2
import pytest
from aiohttp import ClientResponse

from service.assembly.passkeys import relying_party
from service.domain.accounts.member_passkeys import MOST
from service.domain.events.security_events import Event
from service.domain.second_factors import relying_party as library_room
from tests.conftest import Client, MakeOnFakes, OnFakes, bearer, problem
from tests.support import builders, passkeys
from tests.support import second_factors as second
from tests.support.authenticators import (
    BACKED_UP,
    BACKUP_ELIGIBLE,
    PRESENT,
    SETTINGS,
    VERIFIED,
    Authenticator,
    decoded,
    encoded,
)
from tests.support.builders import claims_of
from tests.support.fake_passkeys import FakePasskeys

REGISTER, PROVE = "/auth/factors/passkeys", "/auth/login/passkey"


@dataclass
class Owner:
    """Somebody with a passkey."""

    fakes: OnFakes
    person: dict[str, Any]
    tokens: dict[str, Any]
    device: Authenticator
    added: dict[str, Any]

    @property
    def client(self) -> Client:
        return self.fakes.client


@pytest.fixture
async def fakes(on_fakes: MakeOnFakes) -> OnFakes:
    return await on_fakes(passkeys=SETTINGS)


async def with_passkey(fakes: OnFakes, device: Authenticator | None = None) -> Owner:
    person = await fakes.client.sign_up()
    tokens = await fakes.client.log_in(person)
    device, added = await passkeys.enrol(fakes.client, person, tokens, device)
    return Owner(fakes, person, tokens, device, added)


@pytest.fixture
async def owner(fakes: OnFakes) -> Owner:
    return await with_passkey(fakes)


@pytest.fixture
def events(fakes: OnFakes) -> list[Event]:
    held: list[Event] = []
    fakes.application.events.add(held.append)
    return held


async def refused(answer: ClientResponse, status: int = 401, code: str = "invalid_code") -> None:
    assert (answer.status, problem(await answer.text())["code"]) == (status, code)


def rows(fakes: OnFakes) -> FakePasskeys:
    held = fakes.application.backends.passkeys
    assert isinstance(held, FakePasskeys)
    return held


# --- adding


async def test_the_options_ask_for_a_passkey_that_is_two_factors(fakes: OnFakes) -> None:
    person = await fakes.client.sign_up()
    tokens = await fakes.client.log_in(person)
    said = await (await passkeys.begin(fakes.client, person, tokens)).json()
    assert said["rp"] == {"id": "localhost", "name": "localhost"}
    assert UUID(bytes=decoded(said["user"]["id"])) == UUID(person["userId"])
    assert said["authenticatorSelection"] == {
        "residentKey": "required",
        "requireResidentKey": True,
        "userVerification": "required",
    }
    assert (said["attestation"], said["excludeCredentials"]) == ("none", [])
    assert [one["alg"] for one in said["pubKeyCredParams"]] == [-7, -8, -257]
    assert len(decoded(said["challenge"])) == 32
    device, _ = await passkeys.enrol(fakes.client, person, tokens)
    proof = device.prove(await passkeys.options(fakes.client))
    again = await (await passkeys.begin(fakes.client, person, tokens, credential=proof)).json()
    assert again["excludeCredentials"] == [
        {"type": "public-key", "id": encoded(device.id), "transports": ["hybrid", "internal"]}
    ]
    assert again["challenge"] != said["challenge"]


async def test_the_first_factor_brings_recovery_codes_and_ends_the_other_sessions(
    fakes: OnFakes, events: list[Event]
) -> None:
    person = await fakes.client.sign_up()
    other, tokens = await fakes.client.log_in(person), await fakes.client.log_in(person)
    device, added = await passkeys.enrol(fakes.client, person, tokens)
    assert added.keys() == {"passkeyId", "name", "recoveryCodes"}
    assert (added["passkeyId"], added["name"]) == (encoded(device.id), "My phone")
    assert len(added["recoveryCodes"]) == 10
    assert [(await fakes.client.me(one)).status for one in (other, tokens)] == [401, 200]
    assert [one.reason for one in events if one.name.value == "user_updated"] == ["factor_added"]
    await refused(await second.log_in(fakes.client, person), 401, "second_factor_required")
    answer = await second.log_in(fakes.client, person, code=added["recoveryCodes"][0])
    assert answer.status == 200
    shown = await (await fakes.client.get("/auth/factors", **bearer(tokens))).json()
    assert (shown["totp"], shown["recoveryCodesLeft"]) == (None, 9)
    assert shown["passkeys"] == [
        {
            "passkeyId": encoded(device.id),
            "name": "My phone",
            "createdAt": "2026-11-24T12:00:00Z",
            "lastUsedAt": None,
            "backedUp": False,
        }
    ]


async def test_a_further_one_leaves_the_recovery_codes_as_they_are(owner: Owner) -> None:
    proof = owner.device.prove(await passkeys.options(owner.client))
    _, added = await passkeys.enrol(owner.client, owner.person, owner.tokens, credential=proof)
    assert added.keys() == {"passkeyId", "name"}
    answer = await second.log_in(owner.client, owner.person, code=owner.added["recoveryCodes"][0])
    assert answer.status == 200


async def test_it_is_added_with_password_and_factor_alone(owner: Owner) -> None:
    await refused(
        await passkeys.begin(owner.client, owner.person | {"password": "Wrong-Pass1!"}, owner.tokens),
        401,
        "invalid_credentials",
    )
    await refused(await passkeys.begin(owner.client, owner.person, owner.tokens), 401, "second_factor_required")
    await refused(await passkeys.begin(owner.client, owner.person, owner.tokens, code="000000"))
    code = owner.added["recoveryCodes"][3]
    assert (await passkeys.begin(owner.client, owner.person, owner.tokens, code=code)).status == 200


async def test_there_are_at_most_ten_however_many_are_begun(owner: Owner) -> None:
    """Counted when they are added, too: options may be asked for in advance."""
    begun = []
    for _ in range(MOST):
        proof = owner.device.prove(await passkeys.options(owner.client))
        answer = await passkeys.begin(owner.client, owner.person, owner.tokens, credential=proof)
        begun.append(await answer.json())
    adding = [passkeys.add(owner.client, owner.tokens, Authenticator().register(one)) for one in begun]
    assert sorted(one.status for one in await asyncio.gather(*adding)) == [201] * (MOST - 1) + [409]
    proof = owner.device.prove(await passkeys.options(owner.client))
    await refused(await passkeys.begin(owner.client, owner.person, owner.tokens, credential=proof), 409, "too_many")
    assert len(await passkeys.held(owner.client, owner.tokens)) == MOST


def none_verified(device: Authenticator) -> None:
    device.flags = PRESENT


def nobody_present(device: Authenticator) -> None:
    device.flags = VERIFIED


def other_origin(device: Authenticator) -> None:
    device.origin = "https://evil.example"


def other_port(device: Authenticator) -> None:
    device.origin = "http://localhost:3001"


def other_party(device: Authenticator) -> None:
    device.rp_id = "evil.example"


LIES = [none_verified, nobody_present, other_origin, other_port, other_party]


@pytest.mark.parametrize("lie", LIES)
async def test_a_registration_that_lies_adds_nothing(
    fakes: OnFakes, events: list[Event], lie: Callable[[Authenticator], None]
) -> None:
    person = await fakes.client.sign_up()
    tokens = await fakes.client.log_in(person)
    begun = await (await passkeys.begin(fakes.client, person, tokens)).json()
    device = Authenticator()
    lie(device)
    await refused(await passkeys.add(fakes.client, tokens, device.register(begun)))
    assert events[-1].reason == "wrong_passkey"
    assert rows(fakes).rows == {}
    assert (await second.log_in(fakes.client, person)).status == 200
    await refused(await passkeys.add(fakes.client, tokens, Authenticator().register(begun)))  # it was used up


JUNK = [
    {},
    {"id": 1},
    {"response": None},
    {"response": []},
    {"response": {"clientDataJSON": 7}},
    {"response": {"clientDataJSON": "=="}},
    {"response": {"clientDataJSON": "\u0000"}},
    {"response": {"clientDataJSON": encoded(b"[]")}},
    {"response": {"clientDataJSON": encoded(b"[" * 9000)}},
    {"response": {"clientDataJSON": encoded(b'{"challenge":7}')}},
    {"response": {"clientDataJSON": encoded(b'{"challenge":"AAAA"}')}},
    {"response": {"clientDataJSON": encoded(b"\xff\xfe")}},
]


@pytest.mark.parametrize("credential", JUNK)
async def test_junk_is_a_wrong_passkey_everywhere(owner: Owner, credential: dict[str, Any]) -> None:
    await refused(await passkeys.log_in(owner.client, credential))
    await refused(await passkeys.add(owner.client, owner.tokens, credential))
    body = {"challenge": await second.challenge(owner.client, owner.person), "credential": credential}
    await refused(await owner.client.post("/auth/login/challenge", body))


@pytest.mark.parametrize("credential", [None, "x", 7, []])
async def test_a_credential_is_an_object(owner: Owner, credential: object) -> None:
    await refused(await passkeys.log_in(owner.client, credential), 422, "invalid_fields")


@pytest.mark.parametrize(
    "attestation",
    [
        b"",
        b"\xff" * 40,
        b"\x9b" + b"\xff" * 8,
        b"\x81" * 2000,
        cbor2.dumps({}),
        cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": b""}),
        cbor2.dumps({"fmt": "none", "attStmt": {"x": 1}, "authData": bytes(200)}),
        cbor2.dumps({"fmt": 7, "attStmt": [], "authData": "x"}),
        cbor2.dumps({"fmt": "packed", "attStmt": {"alg": -7, "sig": b"x", "x5c": [b"junk"]}, "authData": bytes(200)}),
    ],
)
async def test_a_registration_in_bad_cbor_adds_nothing(fakes: OnFakes, attestation: bytes) -> None:
    person = await fakes.client.sign_up()
    tokens = await fakes.client.log_in(person)
    begun = await (await passkeys.begin(fakes.client, person, tokens)).json()
    lied = Authenticator().register(begun, attestationObject=encoded(attestation))
    await refused(await passkeys.add(fakes.client, tokens, lied))
    assert rows(fakes).rows == {}


@pytest.mark.parametrize("transports", [7, {"a": 1}, ["\u0000" * 9], [[]], None, "usb"])
async def test_odd_transports_are_kept_out(fakes: OnFakes, transports: object) -> None:
    person = await fakes.client.sign_up()
    tokens = await fakes.client.log_in(person)
    begun = await (await passkeys.begin(fakes.client, person, tokens)).json()
    answer = await passkeys.add(fakes.client, tokens, Authenticator().register(begun, transports=transports))
    assert answer.status in (201, 401)
    assert {one.transports for one in rows(fakes).rows.values()} <= {()}


async def test_a_registration_is_of_the_user_who_began_it(owner: Owner) -> None:
    client = owner.client
    mallory = await client.sign_up()
    theirs = await client.log_in(mallory)
    begun = await (await passkeys.begin(client, mallory, theirs)).json()
    await refused(await passkeys.add(client, owner.tokens, Authenticator().register(begun)))
    await refused(await passkeys.add(client, theirs, Authenticator().register(begun)))  # used up by that
    assert len(rows(owner.fakes).rows) == 1


async def test_a_login_s_challenge_registers_nothing_and_the_other_way_round(owner: Owner) -> None:
    client = owner.client
    options = await passkeys.options(client)
    begun = {**options, "user": {"id": encoded(UUID(owner.person["userId"]).bytes)}}
    await refused(await passkeys.add(client, owner.tokens, Authenticator().register(begun)))
    code = owner.added["recoveryCodes"][0]
    begun = await (await passkeys.begin(client, owner.person, owner.tokens, code=code)).json()
    await refused(await passkeys.log_in(client, owner.device.prove(begun)))


async def test_nobody_takes_the_passkey_of_another_over(owner: Owner) -> None:
    client = owner.client
    mallory = await client.sign_up()
    theirs = await client.log_in(mallory)
    begun = await (await passkeys.begin(client, mallory, theirs)).json()
    copied = Authenticator(id=owner.device.id)
    await refused(await passkeys.add(client, theirs, copied.register(begun)), 409, "factor_exists")
    assert (await passkeys.log_in_by(client, owner.device)).status == 200
    await refused(await passkeys.log_in_by(client, copied))
    assert (await second.log_in(client, mallory)).status == 200  # it has no second factor now


# --- logging in


async def test_a_passkey_alone_logs_in(owner: Owner, events: list[Event]) -> None:
    answer = await passkeys.log_in_by(owner.client, owner.device)
    assert answer.status == 200
    said = await answer.json()
    by_password = await second.log_in(owner.client, owner.person, code=owner.added["recoveryCodes"][0])
    assert said.keys() == (await by_password.json()).keys()
    assert said["email"] == owner.person["email"]
    for name in ("idToken", "accessToken"):
        assert claims_of(said[name])["amr"] == ["hwk", "user"]
    assert (await owner.client.me(said)).status == 200
    renewed = await (await owner.client.refresh(said)).json()
    assert claims_of(renewed["idToken"])["amr"] == ["hwk", "user"]
    assert events[0].name.value == "authn_login_success"
    assert (await passkeys.held(owner.client, owner.tokens))[0]["lastUsedAt"] == "2026-11-24T12:00:00Z"


async def test_a_passkey_that_leaves_its_device_is_named_so(fakes: OnFakes) -> None:
    synced = Authenticator(flags=PRESENT | VERIFIED | BACKUP_ELIGIBLE)
    owner = await with_passkey(fakes, synced)
    assert not (await passkeys.held(owner.client, owner.tokens))[0]["backedUp"]
    synced.flags |= BACKED_UP
    said = await (await passkeys.log_in_by(owner.client, synced)).json()
    assert claims_of(said["idToken"])["amr"] == ["swk", "user"]
    assert (await passkeys.held(owner.client, owner.tokens))[0]["backedUp"]


async def test_the_options_of_a_login_are_the_same_for_everybody(owner: Owner) -> None:
    first, second_ = await passkeys.options(owner.client), await passkeys.options(owner.client)
    assert first == {
        "challenge": first["challenge"],
        "timeout": 300_000,
        "rpId": "localhost",
        "userVerification": "required",
    }
    assert second_.keys() == first.keys()
    assert first["challenge"] != second_["challenge"]


@pytest.mark.parametrize("lie", LIES)
async def test_a_proof_that_lies_opens_nothing(
    owner: Owner, events: list[Event], lie: Callable[[Authenticator], None]
) -> None:
    honest = replace(owner.device)
    lie(owner.device)
    await refused(await passkeys.log_in_by(owner.client, owner.device))
    told = [(one.name.value, one.reason) for one in events if one.name.value.startswith("authn")]
    assert told == [("authn_login_fail", "wrong_passkey")]
    assert (await passkeys.log_in_by(owner.client, honest)).status == 200


async def test_a_proof_of_another_kind_opens_nothing(owner: Owner) -> None:
    await refused(await passkeys.log_in_by(owner.client, owner.device, kind="webauthn.create"))


@pytest.mark.parametrize("signature", [b"", b"x", bytes(70)])
async def test_a_wrong_signature_opens_nothing(owner: Owner, signature: bytes) -> None:
    await refused(await passkeys.log_in_by(owner.client, owner.device, signature=encoded(signature)))
    copy = Authenticator(id=owner.device.id, handle=owner.device.handle)
    await refused(await passkeys.log_in_by(owner.client, copy))


async def test_a_challenge_is_good_once(owner: Owner) -> None:
    credential = owner.device.prove(await passkeys.options(owner.client))
    answers = await asyncio.gather(*(passkeys.log_in(owner.client, credential) for _ in range(10)))
    assert sorted(one.status for one in answers) == [200] + [401] * 9
    await refused(await passkeys.log_in(owner.client, credential))


async def test_a_challenge_that_has_lapsed_opens_nothing(owner: Owner) -> None:
    credential = owner.device.prove(await passkeys.options(owner.client))
    [key] = await owner.fakes.redis.keys("th:passkey:*")
    await owner.fakes.redis.delete(key)
    await refused(await passkeys.log_in(owner.client, credential))


async def test_a_challenge_that_nobody_gave_out_opens_nothing(owner: Owner) -> None:
    made_up = {"challenge": encoded(bytes(32))}
    await refused(await passkeys.log_in(owner.client, owner.device.prove(made_up)))


async def test_an_unknown_passkey_is_answered_like_a_wrong_one(owner: Owner) -> None:
    stranger = Authenticator(handle=owner.device.handle)
    unknown = await passkeys.log_in_by(owner.client, stranger)
    wrong = await passkeys.log_in_by(owner.client, owner.device, signature=encoded(b"x"))
    said = [{**problem(await one.text()), "requestId": ""} for one in (unknown, wrong)]
    assert said[0] == said[1]
    assert unknown.status == wrong.status == 401


@pytest.mark.parametrize("handle", ["", encoded(bytes(16)), "!", None])
async def test_the_user_handle_must_be_the_owner_s(owner: Owner, handle: object) -> None:
    await refused(await passkeys.log_in_by(owner.client, owner.device, userHandle=handle))


async def test_a_counter_only_goes_forward(fakes: OnFakes) -> None:
    owner = await with_passkey(fakes, Authenticator(counter=5, counts=True))
    assert (await passkeys.log_in_by(owner.client, owner.device)).status == 200  # 6
    for counter in (5, 4, -1):
        owner.device.counter = counter
        await refused(await passkeys.log_in_by(owner.client, owner.device))
    owner.device.counter = 6
    assert (await passkeys.log_in_by(owner.client, owner.device)).status == 200


async def test_a_passkey_that_does_not_count_is_good_again_and_again(owner: Owner) -> None:
    for _ in range(3):
        assert (await passkeys.log_in_by(owner.client, owner.device)).status == 200


async def test_copies_of_a_device_that_are_used_at_once_open_one_session(fakes: OnFakes) -> None:
    owner = await with_passkey(fakes, Authenticator(counter=5))
    owner.device.counter = 6
    proofs = [owner.device.prove(await passkeys.options(owner.client)) for _ in range(5)]
    answers = await asyncio.gather(*(passkeys.log_in(owner.client, one) for one in proofs))
    assert sorted(one.status for one in answers) == [200] + [401] * 4


async def test_a_disabled_account_s_passkey_opens_nothing(owner: Owner, events: list[Event]) -> None:
    await owner.fakes.application.accounts.disable(owner.person["email"])
    await refused(await passkeys.log_in_by(owner.client, owner.device))
    assert (events[-1].name.value, events[-1].reason) == ("authn_login_fail", "disabled")


async def test_wrong_proofs_count_as_failed_logins_of_the_account(on_fakes: MakeOnFakes) -> None:
    limits = {"exempt": [], "login_known_source": "2/5m", "passkey_source": "100/5m"}
    owner = await with_passkey(await on_fakes(passkeys=SETTINGS, throttle=limits))
    for _ in range(2):
        await refused(await passkeys.log_in_by(owner.client, owner.device, signature="AAAA"))
    await refused(await passkeys.log_in_by(owner.client, owner.device), 429, "rate_limited")


async def test_logins_that_one_source_begins_are_limited(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(passkeys=SETTINGS, throttle={"exempt": [], "passkey_source": "2/5m"})
    answers = [await fakes.client.http.post(f"{PROVE}/options") for _ in range(3)]
    assert [one.status for one in answers] == [200, 200, 429]
    assert answers[-1].headers["RateLimit-Policy"] == '"passkey-source";q=2;w=300'


async def test_redis_knows_a_challenge_by_its_digest_alone(owner: Owner) -> None:
    options = await passkeys.options(owner.client)
    [key] = await owner.fakes.redis.keys("th:passkey:*")
    assert options["challenge"].encode() not in key
    assert await owner.fakes.redis.get(key) == b"assertion:"
    assert 240_000 < await owner.fakes.redis.pttl(key) <= 300_000


# --- as a second factor


async def test_a_passkey_is_the_second_step_of_a_login(owner: Owner) -> None:
    client = owner.client
    begun = problem(await (await second.log_in(client, owner.person)).text())
    assert begun["factors"] == ["passkey", "recovery_code"]
    proof = owner.device.prove(await passkeys.options(client))
    answer = await client.post("/auth/login/challenge", {"challenge": begun["challenge"], "credential": proof})
    assert answer.status == 200
    assert claims_of((await answer.json())["idToken"])["amr"] == ["pwd", "hwk", "user"]
    proof = owner.device.prove(await passkeys.options(client))
    body = {"email": owner.person["email"], "password": owner.person["password"], "credential": proof}
    assert (await client.post("/auth/login", body)).status == 200
    await refused(await client.post("/auth/login", body))


async def test_the_passkey_of_another_is_no_second_step(fakes: OnFakes) -> None:
    owner, other = await with_passkey(fakes), await with_passkey(fakes)
    challenge = await second.challenge(fakes.client, owner.person)
    for _ in range(2):
        proof = other.device.prove(await passkeys.options(fakes.client))
        await refused(await fakes.client.post("/auth/login/challenge", {"challenge": challenge, "credential": proof}))
    proof = owner.device.prove(await passkeys.options(fakes.client))
    answer = await fakes.client.post("/auth/login/challenge", {"challenge": challenge, "credential": proof})
    assert answer.status == 200


async def test_a_change_of_the_account_is_confirmed_with_it(owner: Owner) -> None:
    body = {"currentPassword": owner.person["password"], "newPassword": "Another-Pass2!"}
    await refused(
        await owner.client.post("/auth/password", body, **bearer(owner.tokens)), 401, "second_factor_required"
    )
    proof = owner.device.prove(await passkeys.options(owner.client))
    changed = await owner.client.post("/auth/password", {**body, "credential": proof}, **bearer(owner.tokens))
    assert changed.status == 200
    proof = owner.device.prove(await passkeys.options(owner.client))
    made = await owner.client.post("/auth/api-keys", {"name": "A key", "credential": proof}, **bearer(owner.tokens))
    assert made.status == 201


async def test_what_the_profile_includes_are_the_factors_a_login_asks_for(owner: Owner) -> None:
    client = owner.client
    said = await (await client.get("/auth/me?include=factors", **bearer(owner.tokens))).json()
    assert said["factors"] == ["passkey", "recovery_code"]
    plain = await client.sign_up()
    said = await (await client.get("/auth/me?include=factors,emailVerified", **{"x-api-key": plain["apiKey"]})).json()
    assert (said["factors"], said["emailVerified"]) == ([], False)


async def test_an_export_names_the_passkeys_without_their_keys(owner: Owner) -> None:
    text = await (await owner.client.get("/auth/export", **bearer(owner.tokens))).text()
    [shown] = json.loads(text)["factors"]["passkeys"]
    assert shown["passkeyId"] == encoded(owner.device.id)
    [row] = rows(owner.fakes).rows.values()
    assert base64.b64encode(row.public_key).decode() not in text
    assert encoded(row.public_key) not in text


# --- naming and removing


async def change(owner: Owner, method: str, passkey_id: str, **body: Any) -> ClientResponse:
    path = f"{REGISTER}/{passkey_id}"
    return await owner.client.http.request(method, path, json=body, headers=bearer(owner.tokens))


async def test_a_passkey_is_named_anew(owner: Owner) -> None:
    assert (await change(owner, "PATCH", encoded(owner.device.id), name=" Old phone ")).status == 204
    assert [one["name"] for one in await passkeys.held(owner.client, owner.tokens)] == ["Old phone"]
    await refused(await change(owner, "PATCH", encoded(owner.device.id), name="\u0007"), 422, "invalid_fields")


@pytest.mark.parametrize("passkey_id", ["AAAA", "!", "A", "AB", "%00", "a=", encoded(bytes(2000))])
async def test_what_is_no_passkey_of_mine_is_not_found(owner: Owner, passkey_id: str) -> None:
    await refused(await change(owner, "PATCH", passkey_id, name="x"), 404, "not_found")
    code = owner.added["recoveryCodes"][0]
    removed = await change(owner, "DELETE", passkey_id, password=owner.person["password"], code=code)
    await refused(removed, 404, "not_found")


async def test_nobody_names_or_removes_the_passkey_of_another(fakes: OnFakes) -> None:
    owner, other = await with_passkey(fakes), await with_passkey(fakes)
    theirs = encoded(other.device.id)
    await refused(await change(owner, "PATCH", theirs, name="x"), 404, "not_found")
    code = owner.added["recoveryCodes"][0]
    await refused(await change(owner, "DELETE", theirs, password=owner.person["password"], code=code), 404, "not_found")
    assert (await passkeys.log_in_by(fakes.client, other.device)).status == 200


async def test_without_its_last_factor_an_account_is_as_it_was(owner: Owner, events: list[Event]) -> None:
    mine = encoded(owner.device.id)
    await refused(await change(owner, "DELETE", mine, password=owner.person["password"]), 401, "second_factor_required")
    proof = owner.device.prove(await passkeys.options(owner.client))
    removed = await change(owner, "DELETE", mine, password=owner.person["password"], credential=proof)
    assert removed.status == 204
    assert [one.reason for one in events if one.name.value == "user_updated"] == ["factor_removed"]
    await refused(await passkeys.log_in_by(owner.client, owner.device))
    tokens = await owner.client.log_in(owner.person)
    assert "amr" not in claims_of(tokens["idToken"])
    shown = await (await owner.client.get("/auth/factors", **bearer(tokens))).json()
    assert shown == {"totp": None, "passkeys": [], "recoveryCodesLeft": 0}


async def test_with_an_app_left_the_account_keeps_its_second_factor(fakes: OnFakes) -> None:
    person = await fakes.client.sign_up()
    tokens = await fakes.client.log_in(person)
    app = await second.enrol(fakes.client, person, tokens, fakes.ambient.now())
    code = app.code(fakes.ambient.now())
    device, added = await passkeys.enrol(fakes.client, person, tokens, code=code)
    owner = Owner(fakes, person, tokens, device, added)
    begun = problem(await (await second.log_in(fakes.client, person)).text())
    assert begun["factors"] == ["passkey", "totp", "recovery_code"]
    proof = device.prove(await passkeys.options(fakes.client))
    removed = await change(owner, "DELETE", encoded(device.id), password=person["password"], credential=proof)
    assert removed.status == 204
    begun = problem(await (await second.log_in(fakes.client, person)).text())
    assert begun["factors"] == ["totp", "recovery_code"]
    assert (await second.log_in(fakes.client, person, code=app.recovery_codes[0])).status == 200


async def test_with_a_passkey_left_the_account_keeps_it_without_its_app(fakes: OnFakes) -> None:
    owner = await with_passkey(fakes)
    proof = owner.device.prove(await passkeys.options(fakes.client))
    body = {"password": owner.person["password"], "credential": proof}
    enrolling = await fakes.client.post("/auth/factors/totp", body, **bearer(owner.tokens))
    app = second.App((await enrolling.json())["uri"])
    confirmed = await second.confirm(fakes.client, owner.tokens, app.code(fakes.ambient.now(), -1))
    codes = (await confirmed.json())["recoveryCodes"]
    removal = {"password": owner.person["password"], "code": codes[0]}
    removed = await fakes.client.http.delete("/auth/factors/totp", json=removal, headers=bearer(owner.tokens))
    assert removed.status == 204
    begun = problem(await (await second.log_in(fakes.client, owner.person)).text())
    assert begun["factors"] == ["passkey", "recovery_code"]


async def test_an_operator_removes_passkeys_too(owner: Owner) -> None:
    assert await owner.fakes.application.factors.remove_all(owner.person["email"])
    await refused(await passkeys.log_in_by(owner.client, owner.device))
    assert (await second.log_in(owner.client, owner.person)).status == 200


# --- set up or not


@pytest.mark.parametrize(
    ("issuer", "rp_id", "origins", "expected"),
    [
        ("https://auth.example.com", None, [], ("auth.example.com", ("https://auth.example.com",))),
        ("https://Auth.Example.com:443/x", None, [], ("auth.example.com", ("https://auth.example.com",))),
        ("http://localhost:8080", None, [], ("localhost", ("http://localhost:8080",))),
        ("https://auth.example.com", "example.com", [], ("example.com", ("https://auth.example.com",))),
        (
            "https://127.0.0.1:8080",
            "example.com",
            ["https://a.example.com"],
            ("example.com", ("https://a.example.com",)),
        ),
        ("http://127.0.0.1:8080", None, [], None),  # the calls answer 501 then
        ("http://[::1]:8080", None, [], None),
        ("urn:example", None, [], None),
    ],
)
def test_the_relying_party_is_a_domain(
    issuer: str, rp_id: str | None, origins: list[str], expected: tuple[str, tuple[str, ...]] | None
) -> None:
    found = relying_party(builders.settings(tokens={"issuer": issuer}, passkeys={"rp_id": rp_id, "origins": origins}))
    assert (found and (found.id, found.origins)) == expected


@pytest.mark.parametrize(
    "passkey_settings", [{"rp_id": "example.com", "origins": ["https://evil.example"]}, {"rp_id": "https://a"}]
)
def test_settings_that_no_browser_would_take_are_refused(passkey_settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="passkeys"):
        builders.settings(passkeys=passkey_settings)


async def test_without_a_domain_there_are_no_passkeys(on_fakes: MakeOnFakes) -> None:
    await not_configured(await on_fakes())


async def test_without_the_library_there_are_no_passkeys(
    on_fakes: MakeOnFakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library_room, "LIBRARY", "a_library_that_nobody_has")
    await not_configured(await on_fakes(passkeys=SETTINGS))


async def not_configured(fakes: OnFakes) -> None:
    client, person = fakes.client, await fakes.client.sign_up()
    tokens = await client.log_in(person)
    await refused(await passkeys.begin(client, person, tokens), 501, "not_configured")
    await refused(await passkeys.add(client, tokens, {}), 501, "not_configured")
    await refused(await client.http.post(f"{PROVE}/options"), 501, "not_configured")
    await refused(await passkeys.log_in(client, {}), 501, "not_configured")
    assert await passkeys.held(client, tokens) == []


async def test_passkeys_of_another_domain_are_not_offered_and_can_be_removed(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a change of `passkeys.rp_id`."""
    held = rows(owner.fakes).rows
    held[owner.device.id] = replace(held[owner.device.id], rp_id="old.example")
    begun = problem(await (await second.log_in(owner.client, owner.person)).text())
    assert begun["factors"] == ["recovery_code"]
    await refused(await passkeys.log_in_by(owner.client, owner.device))
    codes = owner.added["recoveryCodes"]
    options = await passkeys.begin(owner.client, owner.person, owner.tokens, code=codes[0])
    assert (await options.json())["excludeCredentials"] == []
    mine = encoded(owner.device.id)
    removed = await change(owner, "DELETE", mine, password=owner.person["password"], code=codes[1])
    assert removed.status == 204
