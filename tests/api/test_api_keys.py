"""Named API keys: made by their owner, shown once, refused when their time is over."""

import asyncio
import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
import structlog
from aiohttp import ClientResponse

from service.domain.accounts import named_key_uses
from service.domain.accounts.named_api_keys import MOST
from service.domain.credentials.api_keys import ApiKey, NamedKey
from service.domain.events.security_events import Event
from tests.conftest import Client, MakeOnFakes, OnFakes, bearer, problem

Tokens = dict[str, Any]


async def make(client: Client, tokens: Tokens, **fields: object) -> dict[str, Any]:
    answer = await client.post("/auth/api-keys", {"name": "Build server", **fields}, **bearer(tokens))
    assert answer.status == 201, await answer.text()
    return dict(await answer.json())


async def listed(client: Client, tokens: Tokens) -> list[dict[str, Any]]:
    return list((await (await client.get("/auth/api-keys", **bearer(tokens))).json())["apiKeys"])


async def end(client: Client, tokens: Tokens, key_id: str) -> int:
    return (await client.http.delete(f"/auth/api-keys/{key_id}", headers=bearer(tokens))).status


async def use(client: Client, key: str, path: str = "/auth/verify") -> ClientResponse:
    return await client.get(path, **{"x-api-key": key})


@pytest.fixture
async def tokens(fakes: OnFakes) -> Tokens:
    return await fakes.client.log_in(await fakes.client.sign_up())


@pytest.fixture
def events(fakes: OnFakes) -> list[Event]:
    held: list[Event] = []
    fakes.application.events.add(held.append)
    return held


async def test_a_key_is_shown_once_and_accepted_where_api_keys_are(fakes: OnFakes, tokens: Tokens) -> None:
    client = fakes.client
    made = await make(client, tokens, scopes=["a", "b:c", "a"], rate=" 60 / 1m ", expiresIn=3600)
    assert NamedKey.parse(made.pop("apiKey")) is not None
    assert made == {
        "keyId": made["keyId"],
        "name": "Build server",
        "prefix": made["prefix"],
        "scopes": ["a", "b:c"],
        "rate": "60/1m",
        "createdAt": "2026-11-24T12:00:00Z",
        "expiresAt": "2026-11-24T13:00:00Z",
    }
    fakes.ambient.advance(seconds=1)
    text = (await make(client, tokens))["apiKey"]
    assert len(text) == 52
    verified = await use(client, text)
    assert verified.status == 204
    assert "X-Auth-Scopes" not in verified.headers
    profile = await (await use(client, text, "/auth/me")).json()
    assert profile == await (await client.me(tokens)).json()
    shown = await listed(client, tokens)
    assert [one["prefix"] for one in shown] == [made["prefix"], text[:11]]
    assert shown[0] == made
    assert text not in json.dumps(shown)


async def test_the_contract_s_key_stays_as_it_is_beside_them(fakes: OnFakes, tokens: Tokens) -> None:
    made = await make(fakes.client, tokens)
    assert (await use(fakes.client, tokens["apiKey"])).status == 204
    await fakes.client.post("/auth/api-key", {}, **bearer(tokens))
    assert (await use(fakes.client, tokens["apiKey"])).status == 401
    assert (await use(fakes.client, made["apiKey"])).status == 204


@pytest.mark.parametrize(
    ("expiry", "seconds"), [({"expiresIn": 90}, 90), ({"expiresAt": "2026-11-24T14:05:00+02:00"}, 300)]
)
async def test_an_expired_key_is_refused_like_one_that_never_was(
    fakes: OnFakes, tokens: Tokens, events: list[Event], expiry: dict[str, Any], seconds: int
) -> None:
    client = fakes.client
    text = (await make(client, tokens, **expiry))["apiKey"]
    fakes.ambient.advance(seconds=seconds - 1)
    assert (await use(client, text)).status == 204
    fakes.ambient.advance(seconds=1)
    expired, unknown = await use(client, text), await use(client, NamedKey.make(fakes.ambient).text)
    known = [{**problem(await one.text()), "requestId": ""} for one in (expired, unknown)]
    assert known[0] == known[1]
    assert known[0]["code"] == "invalid_token"
    assert expired.headers["WWW-Authenticate"] == unknown.headers["WWW-Authenticate"]
    assert [one.reason for one in events[-2:]] == ["expired_api_key", "unknown_api_key"]


async def test_an_ended_key_is_refused_and_the_others_go_on(
    fakes: OnFakes, tokens: Tokens, events: list[Event]
) -> None:
    client = fakes.client
    first, second = await make(client, tokens), await make(client, tokens)
    assert await end(client, tokens, first["keyId"]) == 204
    assert [(await use(client, one["apiKey"])).status for one in (first, second)] == [401, 204]
    assert await end(client, tokens, first["keyId"]) == 404
    assert [one["keyId"] for one in await listed(client, tokens)] == [second["keyId"]]
    told = [(one.name.value, one.reason) for one in events if one.name.value.startswith("authn_token")]
    assert told == [("authn_token_created", "api_key_created")] * 2 + [("authn_token_revoked", "api_key_ended")]


@pytest.mark.parametrize("key_id", ["x", "0", "00000000-0000-4000-8000-000000000000", "%00", "' OR true --"])
async def test_what_is_no_key_of_mine_is_not_found(fakes: OnFakes, tokens: Tokens, key_id: str) -> None:
    assert await end(fakes.client, tokens, key_id) == 404


async def test_nobody_sees_or_ends_the_keys_of_another(fakes: OnFakes, tokens: Tokens) -> None:
    client = fakes.client
    made = await make(client, tokens)
    other = await client.log_in(await client.sign_up())
    assert await listed(client, other) == []
    assert await end(client, other, made["keyId"]) == 404
    assert (await use(client, made["apiKey"])).status == 204


@pytest.mark.parametrize(
    ("fields", "broken"),
    [
        ({"userId": "defbe635-5fa7-42e7-b263-b4bdaefe2e4f"}, ("userId", "unknown_member")),
        ({"owner": "SECRETMARKER"}, ("owner", "unknown_member")),
        ({"expiresin": 60}, ("expiresin", "unknown_member")),
        ({"name": None}, ("name", "missing")),
        ({"name": 7}, ("name", "wrong_type")),
        ({"name": " "}, ("name", "blank")),
        ({"name": "a\u0007b"}, ("name", "invisible_character")),
        ({"name": "x" * 101}, ("name", "too_long")),
        ({"scopes": "a"}, ("scopes", "wrong_type")),
        ({"scopes": [1]}, ("scopes", "wrong_type")),
        ({"scopes": [""]}, ("scopes", "invalid_scope")),
        ({"scopes": ["a b"]}, ("scopes", "invalid_scope")),
        ({"scopes": ['"']}, ("scopes", "invalid_scope")),
        ({"scopes": ["\\"]}, ("scopes", "invalid_scope")),
        ({"scopes": ["a\r\nX-Auth-Email: root"]}, ("scopes", "invalid_scope")),
        ({"scopes": ["a\n"]}, ("scopes", "invalid_scope")),
        ({"scopes": ["\u00e4"]}, ("scopes", "invalid_scope")),
        ({"scopes": ["x" * 65]}, ("scopes", "invalid_scope")),
        ({"scopes": [str(number) for number in range(21)]}, ("scopes", "too_long")),
        ({"rate": "60"}, ("rate", "invalid_rate")),
        ({"rate": "0/1m"}, ("rate", "invalid_rate")),
        ({"rate": "60/1m; 1/1s"}, ("rate", "invalid_rate")),
        ({"rate": "1/999ms"}, ("rate", "out_of_range")),
        ({"rate": "1/25h"}, ("rate", "out_of_range")),
        ({"rate": 60}, ("rate", "wrong_type")),
        ({"expiresIn": 59}, ("expiresIn", "out_of_range")),
        ({"expiresIn": 315360001}, ("expiresIn", "out_of_range")),
        ({"expiresIn": "60"}, ("expiresIn", "wrong_type")),
        ({"expiresIn": 60.5}, ("expiresIn", "wrong_type")),
        ({"expiresIn": True}, ("expiresIn", "wrong_type")),
        ({"expiresAt": "2026-11-24T12:00:59Z"}, ("expiresAt", "out_of_range")),
        ({"expiresAt": "2036-11-30T12:00:00Z"}, ("expiresAt", "out_of_range")),
        ({"expiresAt": "9999-12-31T23:59:59-23:59"}, ("expiresAt", "invalid_time")),
        ({"expiresAt": "0001-01-01T00:00:00+23:59"}, ("expiresAt", "invalid_time")),
        ({"expiresAt": "2027-11-24T12:00:00"}, ("expiresAt", "invalid_time")),
        ({"expiresAt": "2027-13-24T12:00:00Z"}, ("expiresAt", "invalid_time")),
        ({"expiresAt": 1795848672}, ("expiresAt", "invalid_time")),
        ({"expiresIn": 60, "expiresAt": "2027-11-24T12:00:00Z"}, ("expiresAt", "out_of_range")),
    ],
)
async def test_what_is_not_understood_makes_no_key(
    fakes: OnFakes, tokens: Tokens, fields: dict[str, object], broken: tuple[str, str]
) -> None:
    body = {name: value for name, value in ({"name": "Build server"} | fields).items() if value is not None}
    answer = await fakes.client.post("/auth/api-keys", body, **bearer(tokens))
    text = await answer.text()
    said = problem(text)
    assert (answer.status, said["code"]) == (422, "invalid_fields")
    assert [(one["field"], one["code"]) for one in said["errors"]] == [broken]
    assert "SECRETMARKER" not in text
    assert await listed(fakes.client, tokens) == []


async def test_scopes_at_their_bounds_come_through(fakes: OnFakes, tokens: Tokens) -> None:
    scopes = ["!" + "#[]~" * 15, *(str(number) for number in range(19))]
    text = (await make(fakes.client, tokens, scopes=scopes))["apiKey"]
    assert (await use(fakes.client, text)).headers["X-Auth-Scopes"] == " ".join(scopes)


@pytest.mark.parametrize("credential", ["named", "contract"])
async def test_an_api_key_makes_lists_and_ends_none(fakes: OnFakes, tokens: Tokens, credential: str) -> None:
    made = await make(fakes.client, tokens)
    header = {"x-api-key": made["apiKey"] if credential == "named" else tokens["apiKey"]}
    for method, path in (("GET", ""), ("POST", ""), ("DELETE", f"/{made['keyId']}")):
        answer = await fakes.client.http.request(method, f"/auth/api-keys{path}", json={"name": "x"}, headers=header)
        assert answer.status == 401
    assert len(await listed(fakes.client, tokens)) == 1


async def test_a_user_has_at_most_fifty_however_many_are_asked_for_at_once(
    on_fakes: MakeOnFakes,
) -> None:
    fakes = await on_fakes()
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    for _ in range(MOST - 1):
        await make(fakes.client, tokens, expiresIn=60)
    asked = (fakes.client.post("/auth/api-keys", {"name": "x"}, **bearer(tokens)) for _ in range(5))
    assert sorted(one.status for one in await asyncio.gather(*asked)) == [201, 409, 409, 409, 409]
    fakes.ambient.advance(seconds=60)
    assert len(await listed(fakes.client, tokens)) == MOST  # its owner sees what has expired
    await make(fakes.client, tokens)
    assert len(await listed(fakes.client, tokens)) == 2


async def test_a_source_that_guesses_named_keys_is_slowed_down(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(throttle={"exempt": [], "api_key_unknown": "2/1m"})
    text = (await make(fakes.client, await fakes.client.log_in(await fakes.client.sign_up())))["apiKey"]
    guesses = [NamedKey.make(fakes.ambient).text, "nk_", text[:-1] + "?"]
    assert [(await use(fakes.client, guess)).status for guess in guesses] == [401, 401, 429]
    assert (await use(fakes.client, text)).status == 204


async def test_a_key_of_one_kind_is_none_of_the_other(fakes: OnFakes, tokens: Tokens) -> None:
    made = await make(fakes.client, tokens)
    assert ApiKey.parse("ak_" + made["apiKey"][3:])  # well formed, and nobody's
    for text in ("ak_" + made["apiKey"][3:], "nk_" + tokens["apiKey"][3:], "NK_" + made["apiKey"][3:]):
        assert (await use(fakes.client, text)).status == 401


async def test_a_disabled_account_s_keys_open_nothing(fakes: OnFakes, events: list[Event]) -> None:
    person = await fakes.client.sign_up()
    text = (await make(fakes.client, await fakes.client.log_in(person)))["apiKey"]
    await fakes.application.accounts.disable(person["email"])
    for path in ("/auth/verify", "/auth/me"):
        assert (await use(fakes.client, text, path)).status == 401
    assert events[-1].reason == "disabled"
    await fakes.application.accounts.enable(person["email"])
    assert (await use(fakes.client, text)).status == 204


async def test_closing_the_account_ends_its_keys(fakes: OnFakes) -> None:
    person = await fakes.client.sign_up()
    tokens = await fakes.client.log_in(person)
    text = (await make(fakes.client, tokens))["apiKey"]
    await fakes.client.http.delete("/auth/me", headers=bearer(tokens), json={"password": person["password"]})
    assert (await use(fakes.client, text)).status == 401


async def test_an_export_lists_the_keys_without_what_opens_anything(fakes: OnFakes, tokens: Tokens) -> None:
    made = await make(fakes.client, tokens, scopes=["a"])
    text = await (await fakes.client.get("/auth/export", **bearer(tokens))).text()
    key = made.pop("apiKey")
    shown = json.loads(text)["apiKeys"]
    assert [{name: value for name, value in one.items() if value is not None} for one in shown] == [made]
    assert key not in text
    assert hashlib.sha256(key.encode()).hexdigest() not in text


# --- a rate of its own


async def test_a_key_s_rate_is_counted_where_it_is_verified(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes()  # this machine is exempt from the service's limits, not from the owner's
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    slow, other = await make(fakes.client, tokens, rate="2/1m"), await make(fakes.client, tokens, rate="2/1m")
    assert [(await use(fakes.client, slow["apiKey"])).status for _ in range(3)] == [204, 204, 429]
    refused = await use(fakes.client, slow["apiKey"])
    assert refused.headers["RateLimit-Policy"] == '"api-key-use-key";q=2;w=60'
    assert refused.headers["Retry-After"] == "30"
    said = problem(await refused.text())
    assert (said["code"], said["violated-policies"]) == ("rate_limited", ["api-key-use-key"])
    assert (await use(fakes.client, slow["apiKey"], "/auth/me")).status == 200
    assert (await use(fakes.client, other["apiKey"])).status == 204
    fakes.ambient.advance(seconds=30)
    assert (await use(fakes.client, slow["apiKey"])).status == 204


async def test_without_limits_a_key_s_rate_is_none(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(throttle={"enabled": False})
    made = await make(fakes.client, await fakes.client.log_in(await fakes.client.sign_up()), rate="1/1d")
    assert [(await use(fakes.client, made["apiKey"])).status for _ in range(3)] == [204, 204, 204]


# --- when it was last used


async def test_the_last_use_is_known_to_the_minute_after_the_next_write(
    fakes: OnFakes, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    application = fakes.application
    used, unused = await make(fakes.client, tokens), await make(fakes.client, tokens)
    writes: list[object] = []
    store, note = application.backends.named_api_keys, application.backends.named_api_keys.note_uses

    async def noted(uses: Any) -> None:
        writes.append(dict(uses))
        await note(uses)

    monkeypatch.setattr(store, "note_uses", noted)
    fakes.ambient.advance(seconds=95)
    for _ in range(3):
        await use(fakes.client, used["apiKey"])
    assert writes == []  # no request waits for it
    await application.named_api_keys.uses.write()
    shown = {one["keyId"]: one.get("lastUsedAt") for one in await listed(fakes.client, tokens)}
    assert shown == {used["keyId"]: "2026-11-24T12:01:00Z", unused["keyId"]: None}
    await use(fakes.client, used["apiKey"])  # of a minute that is stored already
    await application.named_api_keys.uses.write()
    assert len(writes) == 1


async def test_an_outage_loses_no_use_and_is_told_once(
    fakes: OnFakes, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    application, made = fakes.application, await make(fakes.client, tokens)
    store, note = application.backends.named_api_keys, application.backends.named_api_keys.note_uses

    async def away(_: object) -> None:
        raise TimeoutError

    await use(fakes.client, made["apiKey"])
    monkeypatch.setattr(store, "note_uses", away)
    with structlog.testing.capture_logs() as logs:
        await application.named_api_keys.uses.write()
        await application.named_api_keys.uses.write()
    assert [one["event"] for one in logs] == ["uses of API keys not written"]
    monkeypatch.setattr(store, "note_uses", note)
    await application.named_api_keys.uses.close()
    assert (await listed(fakes.client, tokens))[0]["lastUsedAt"] == "2026-11-24T12:00:00Z"


async def test_a_use_during_a_write_is_not_forgotten(
    fakes: OnFakes, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    application, made = fakes.application, await make(fakes.client, tokens)
    store, note = application.backends.named_api_keys, application.backends.named_api_keys.note_uses

    async def slow(uses: Any) -> None:
        monkeypatch.setattr(store, "note_uses", note)
        fakes.ambient.advance(minutes=5)
        await use(fakes.client, made["apiKey"])
        await note(uses)

    await use(fakes.client, made["apiKey"])
    monkeypatch.setattr(store, "note_uses", slow)
    await application.named_api_keys.uses.write()
    assert (await listed(fakes.client, tokens))[0]["lastUsedAt"] == "2026-11-24T12:05:00Z"


async def test_what_is_remembered_is_bounded(fakes: OnFakes, tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(named_key_uses, "MOST", 2)
    keys = [await make(fakes.client, tokens) for _ in range(3)]
    for one in keys:
        assert (await use(fakes.client, one["apiKey"])).status == 204
    fakes.ambient.advance(minutes=1)
    await use(fakes.client, keys[0]["apiKey"])  # remembered already: its minute may move
    await fakes.application.named_api_keys.uses.write()
    shown = [one.get("lastUsedAt") for one in await listed(fakes.client, tokens)]
    by_id = {one["keyId"]: when for one, when in zip(await listed(fakes.client, tokens), shown, strict=True)}
    assert [by_id[one["keyId"]] for one in keys] == ["2026-11-24T12:01:00Z", "2026-11-24T12:00:00Z", None]


def test_a_write_is_due_each_minute() -> None:
    assert timedelta(seconds=named_key_uses.EVERY) == timedelta(minutes=1)
