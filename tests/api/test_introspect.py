"""RFC 7662: a resource server asks what a token is good for."""

from uuid import UUID

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from service.__main__ import main
from service.domain.events.security_events import Reason
from service.domain.sessions.models import PendingRevocation
from service.operator_errors import ConfigurationError
from service.settings import load
from tests.conftest import MakeOnFakes, OnFakes, problem
from tests.support.resource_servers import CLIENT_SECRET, KNOWN, ask, basic, claims, introspect

PATH = "/auth/introspect"
INACTIVE = {"active": False}


@pytest.fixture
async def fakes(on_fakes: MakeOnFakes) -> OnFakes:
    return await on_fakes(introspection=KNOWN)


async def test_a_live_token_is_told_with_its_claims(fakes: OnFakes) -> None:
    person = await fakes.client.sign_up()
    tokens = await fakes.client.log_in(person)
    access, identity = claims(tokens["accessToken"]), claims(tokens["idToken"])
    shared = {
        "active": True,
        "iss": "http://127.0.0.1:8080",
        "client_id": "tokenhouse",
        "sub": person["userId"],
        "username": person["userId"],
        "iat": access["iat"],
        "exp": access["exp"],
        "origin_jti": access["origin_jti"],
    }
    assert await introspect(fakes.client, tokens["accessToken"]) == shared | {
        "token_type": "Bearer",
        "token_use": "access",
        "scope": access["scope"],
        "jti": access["jti"],
    }
    assert await introspect(fakes.client, tokens["idToken"]) == shared | {
        "token_type": "Bearer",
        "token_use": "id",
        "aud": "tokenhouse",
        "jti": identity["jti"],
    }
    assert await introspect(fakes.client, tokens["refreshToken"]) == shared | {
        "token_use": "refresh",
        "exp": access["iat"] + 30 * 86_400,
    }


@pytest.mark.parametrize("name", ["idToken", "accessToken", "refreshToken"])
async def test_a_token_of_an_ended_session_is_inactive(fakes: OnFakes, name: str) -> None:
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    assert (await introspect(fakes.client, tokens[name]))["active"]
    assert (await fakes.client.log_out(tokens)).status == 200
    assert await introspect(fakes.client, tokens[name]) == INACTIVE


@pytest.mark.parametrize("name", ["idToken", "accessToken", "refreshToken"])
async def test_a_token_of_a_disabled_account_is_inactive(fakes: OnFakes, name: str) -> None:
    person = await fakes.client.sign_up()
    tokens = await fakes.client.log_in(person)
    user_id = UUID(person["userId"])
    pending = PendingRevocation(fakes.ambient.new_uuid(), user_id, Reason.ACCOUNT_DISABLED)
    await fakes.users.disable(fakes.ambient.now(), pending)  # its sessions not ended yet
    assert await introspect(fakes.client, tokens[name]) == INACTIVE
    await fakes.users.enable(user_id)
    assert (await introspect(fakes.client, tokens[name]))["active"]


async def test_an_expired_token_is_inactive(fakes: OnFakes) -> None:
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    fakes.ambient.advance(hours=1, seconds=5)
    assert await introspect(fakes.client, tokens["accessToken"]) == INACTIVE
    assert (await introspect(fakes.client, tokens["refreshToken"]))["active"]
    fakes.ambient.advance(days=30)
    assert await introspect(fakes.client, tokens["refreshToken"]) == INACTIVE


async def test_asking_about_a_refresh_token_does_not_use_it(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(introspection=KNOWN, tokens={"refresh_rotation": True})
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    for _ in range(3):
        assert (await introspect(fakes.client, tokens["refreshToken"]))["active"]
    renewed = await (await fakes.client.refresh(tokens)).json()
    assert (await introspect(fakes.client, renewed["refreshToken"]))["active"]
    assert (await introspect(fakes.client, tokens["refreshToken"]))["active"]  # it is good for a retry until then
    fakes.ambient.advance(seconds=10)
    assert await introspect(fakes.client, tokens["refreshToken"]) == INACTIVE


async def test_whatever_is_no_token_of_ours_is_inactive_and_nothing_more(fakes: OnFakes) -> None:
    person = await fakes.client.sign_up()
    tokens = await fakes.client.log_in(person)
    forged = tokens["idToken"][:-8] + "AAAAAAAA"
    for text in (person["apiKey"], forged, "x", "a.b.c", "\u00e9", "rt_" + "a" * 67, "x" * 5000):
        assert await introspect(fakes.client, text) == INACTIVE


@pytest.mark.parametrize(
    "credential",
    [
        basic("web", "wrong"),
        basic("nobody", CLIENT_SECRET),
        basic("", CLIENT_SECRET),
        basic("web", ""),
        "Basic",
        "Basic !!!!",
        "Basic d2Vi",
        "Basic /////w==",
        "Bearer " + CLIENT_SECRET,
        basic("web\0", CLIENT_SECRET),
        basic() + ", " + basic(),
        basic().replace("Basic ", "Basic\t"),
    ],
)
async def test_a_caller_without_the_right_credential_learns_nothing(fakes: OnFakes, credential: str) -> None:
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    answer = await ask(fakes.client, PATH, tokens["idToken"], Authorization=credential)
    said = problem(await answer.text())
    assert (answer.status, said["code"], said["error"]) == (401, "invalid_client", "invalid_client")
    assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert CLIENT_SECRET not in await answer.text()


async def test_without_configured_clients_nobody_may_ask(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes()
    assert (await ask(fakes.client, PATH, "x")).status == 401
    assert (await ask(fakes.client, PATH, "x", Authorization=basic("", ""))).status == 401


async def test_two_credentials_are_refused_and_an_id_token_is_none(fakes: OnFakes) -> None:
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    answer = await ask(fakes.client, PATH, "x", **{"x-api-key": tokens["apiKey"]})
    assert (answer.status, problem(await answer.text())["code"]) == (400, "malformed_request")
    answer = await ask(fakes.client, PATH, "x", Authorization=f"Bearer {tokens['idToken']}")
    assert answer.status == 401


async def test_a_source_that_guesses_secrets_is_slowed_down_and_a_right_one_is_not(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(introspection=KNOWN, throttle={"exempt": [], "api_key_unknown": "3/1m"})
    wrong = {"Authorization": basic("web", "wrong")}
    statuses = [(await ask(fakes.client, PATH, "x", **wrong)).status for _ in range(5)]
    assert statuses == [401, 401, 401, 429, 429]
    assert await introspect(fakes.client, "x") == INACTIVE


async def test_the_token_may_come_as_json_and_a_hint_changes_nothing(fakes: OnFakes) -> None:
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    for hint in ("refresh_token", "no_such_type", 7):
        body = {"token": tokens["idToken"], "token_type_hint": hint}
        answer = await fakes.client.post(PATH, body, Authorization=basic())
        assert (await answer.json())["token_use"] == "id"


@pytest.mark.parametrize("path", [PATH, "/auth/revoke"])
@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("application/x-www-form-urlencoded", b""),
        ("application/x-www-form-urlencoded", b"token="),
        ("application/x-www-form-urlencoded", b"token=a&token=a"),
        ("application/x-www-form-urlencoded", b"token"),
        ("application/x-www-form-urlencoded", b"token=a&x=1&x=2"),
        ("application/x-www-form-urlencoded", b"token=\xff"),
        ("application/x-www-form-urlencoded", b"token=%ff"),
        ("application/x-www-form-urlencoded", b"token=a" + b"&x=1" * 20),
        ("application/x-www-form-urlencoded", b'{"token":"a"}'),
        ("application/json", b"token=a"),
        ("application/json", b"{}"),
        ("application/json", b'{"token":""}'),
        ("application/json", b'{"token":1}'),
        ("application/json", b'{"token":"a","token":"b"}'),
    ],
)
async def test_a_request_without_one_token_is_invalid(fakes: OnFakes, path: str, media_type: str, body: bytes) -> None:
    headers = {"Authorization": basic(), "Content-Type": media_type}
    answer = await fakes.client.http.post(path, data=body, headers=headers)
    said = problem(await answer.text())
    assert (answer.status, said["code"], said["error"]) == (400, "invalid_request", "invalid_request")


@pytest.mark.parametrize("path", [PATH, "/auth/revoke"])
async def test_who_sends_no_body_or_another_kind_is_told_of_the_form_first(fakes: OnFakes, path: str) -> None:
    for body, of_body in ((None, {}), (b"token=a", {"Content-Type": "text/plain"})):
        answer = await fakes.client.http.post(path, data=body, headers={"Authorization": basic(), **of_body})
        said = problem(await answer.text())
        assert (answer.status, said["code"]) == (415, "unsupported_media_type")
        form, json_type = (said["detail"].find(f"application/{kind}") for kind in ("x-www-form-urlencoded", "json"))
        assert form > 0
        assert json_type == -1 or form < json_type


@pytest.mark.parametrize("path", [PATH, "/auth/revoke"])
async def test_size_and_media_type_are_judged_as_everywhere(fakes: OnFakes, path: str) -> None:
    headers = {"Authorization": basic(), "Content-Type": "application/x-www-form-urlencoded"}
    answer = await fakes.client.http.post(path, data=b"token=" + b"x" * 16_384, headers=headers)
    assert (answer.status, problem(await answer.text())["code"]) == (413, "body_too_large")
    for media_type in ("text/plain", "application/x-www-form-urlencoded; charset=utf-16", "multipart/form-data"):
        answer = await fakes.client.http.post(path, data=b"token=a", headers=headers | {"Content-Type": media_type})
        assert (answer.status, problem(await answer.text())["code"]) == (415, "unsupported_media_type")


async def test_while_a_store_is_out_nobody_is_told_that_a_token_is_dead(
    fakes: OnFakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = await fakes.client.log_in(await fakes.client.sign_up())

    def gone(*_: object, **__: object) -> None:
        raise RedisConnectionError

    monkeypatch.setattr(fakes.redis, "pipeline", gone)
    monkeypatch.setattr(fakes.redis, "hgetall", gone)
    for name in ("idToken", "accessToken", "refreshToken"):
        answer = await ask(fakes.client, PATH, tokens[name])
        assert (answer.status, problem(await answer.text())["code"]) == (503, "unavailable")
        assert "Retry-After" in answer.headers


def test_a_client_s_secret_is_worth_256_bits_and_kept_as_a_digest() -> None:
    assert len(CLIENT_SECRET) == len("cs_") + 43
    assert CLIENT_SECRET not in str(KNOWN)


async def test_the_command_makes_a_credential_that_the_settings_take(
    on_fakes: MakeOnFakes, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["clients", "new", "billing"]) == 0
    said = capsys.readouterr().out
    name, _, value = said.split()[-1].partition("=")
    monkeypatch.setenv(name, f"{value},other:{'0' * 64}")
    clients = load().introspection.clients
    assert clients.keys() == {"billing", "other"}
    fakes = await on_fakes(introspection={"clients": dict(clients)})
    secret = next(word for word in said.split() if word.startswith("cs_"))
    assert (await ask(fakes.client, PATH, "x", Authorization=basic("billing", secret))).status == 200
    assert (await ask(fakes.client, PATH, "x", Authorization=basic("other", secret))).status == 401
    assert main(["clients", "new", "Not A Name"]) == 78
    assert "client's name" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["web", "web:zz", f"Web:{'0' * 64}", f"web:{'0' * 64},web:{'1' * 64}"])
def test_a_client_that_is_written_wrongly_stops_the_start(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENHOUSE_INTROSPECTION__CLIENTS", value)
    with pytest.raises(ConfigurationError, match=r"introspection\.clients"):
        load()
