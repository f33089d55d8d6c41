"""What clients and operators are told when the service cannot do its work: overload, outages, defects, a clock that is wrong."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from service.cognito.operations import OPERATIONS
from service.domain.sessions.sessions import Sessions
from service.errors import AuthError
from service.request_log import Refusal, RequestRecord
from service.settings import ServerSettings
from tests.cognito.conftest import Ground, MakeGround
from tests.support.cognito import SERVICE, CognitoFailure
from tests.support.cognito_bodies import well_formed
from tests.support.http_server import until
from tests.support.overloads import Overloaded, overloaded, post

LAST = b"Connection: close\r\n"
HASHING = sorted(name for name, one in OPERATIONS.items() if one.hashes)
POOL = "/eu-central-1_tokenhouse"


def call(operation: str, more: bytes = LAST, path: str = "/", body: bytes = b"{}") -> bytes:
    return post(path, b"X-Amz-Target: %s.%s\r\n" % (SERVICE.encode(), operation.encode()) + more, body)


def undated(answer: bytes) -> list[bytes]:
    return [line for line in answer.split(b"\r\n") if not line.startswith(b"Date: ")]


# --- overload


@pytest.fixture
async def crowded(make_ground: MakeGround) -> Ground:
    return await make_ground(passwords={"workers": 1, "engine": "wheel", "max_wait": "1ms"})


@pytest.fixture
async def full(crowded: Ground) -> AsyncIterator[Overloaded]:
    async with overloaded(crowded.fakes.application, ServerSettings(port=0)) as full:
        yield full


def test_a_login_and_the_setting_of_a_password_concern_the_password_queue() -> None:
    assert set(HASHING) >= {"InitiateAuth"}


@pytest.mark.parametrize("path", ["/", POOL])
@pytest.mark.parametrize("operation", HASHING)
async def test_an_overload_refuses_before_the_application_sees_the_call(
    full: Overloaded, operation: str, path: str
) -> None:
    """With 400: the SDKs repeat a 503 up to five times, and TooManyRequests hardly."""
    early = await full.ask(call(operation, path=path))
    head, _, body = early.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["__type"] in ("TooManyRequestsException", "LimitExceededException")
    assert re.search(rb"\r\nx-amzn-RequestId: r-1\r\n", head, re.IGNORECASE)
    assert full.seen == []
    own = await full.ask(call(operation, path=f"http://x{path}"))
    assert full.seen == [path]
    assert undated(early) == undated(own)
    early_line, own_line = full.lines
    assert (
        early_line
        == own_line
        == RequestRecord(
            "r-1",
            "POST",
            f"/ {operation}",
            400,
            0.0,
            Refusal("overloaded", source="127.0.0.0/24", error=json.loads(body)["__type"]),
        )
    )


async def test_a_flood_of_logins_leaves_all_that_hashes_nothing_alone(full: Overloaded) -> None:
    for _ in range(20):
        assert (await full.ask(call("InitiateAuth"))).startswith(b"HTTP/1.1 400 ")
    assert full.seen == []
    for request, kind in (
        (call("GetUser"), b"InvalidParameterException"),
        (call("AdminGetUser"), b"MissingAuthenticationTokenException"),
        (call("Nothing"), b"UnknownOperationException"),
        (post("/", LAST), b"UnknownOperationException"),
    ):
        assert kind in await full.ask(request)
    health = await full.ask(b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + LAST + b"\r\n")
    assert health.startswith(b"HTTP/1.1 200 ")


def refresh(refresh_token: str) -> bytes:
    given = {"REFRESH_TOKEN": refresh_token}
    return json.dumps({"ClientId": "tokenhouse", "AuthFlow": "REFRESH_TOKEN_AUTH", "AuthParameters": given}).encode()


async def test_an_overload_refuses_no_refresh_though_it_is_an_initiate_auth_too(full: Overloaded) -> None:
    """Its client would be told to wait for the passwords of others."""
    answer = await full.ask(call("InitiateAuth", body=refresh("rt_none")))
    assert b"TooManyRequests" not in answer
    assert full.seen == ["/"]


@pytest.mark.parametrize("disguise", ["looks like a refresh", "comes in parts"])
async def test_a_login_that_is_not_known_by_its_body_is_refused_when_it_asks_for_its_place(
    full: Overloaded, disguise: str
) -> None:
    in_parts = disguise == "comes in parts"
    given = {"USERNAME": "ada@example.com" if in_parts else "REFRESH_TOKEN", "PASSWORD": "SecurePass1!"}
    said = {"ClientId": "tokenhouse", "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": given}
    body = json.dumps(said).encode()
    request = call("InitiateAuth", body=body)
    client = await full.send(request[: -len(body)] if in_parts else request)
    if in_parts:
        await until(lambda: full.seen == ["/"])
        await client.send(body)
    assert b"TooManyRequestsException" in await client.closed()
    assert [line.refusal.code for line in full.lines if line.refusal] == ["overloaded"]


async def test_with_room_in_the_queue_a_login_goes_in(full: Overloaded) -> None:
    full.free()
    assert b"InvalidParameterException" in await full.ask(call("InitiateAuth"))


async def test_a_page_reads_the_refusal_of_an_overload(crowded: Ground) -> None:
    settings = ServerSettings(port=0, cors_origins=("https://app.example.com",))
    async with overloaded(crowded.fakes.application, settings) as full:
        answer = await full.ask(call("InitiateAuth", LAST + b"Origin: https://app.example.com\r\n"))
    assert b"Access-Control-Allow-Origin: https://app.example.com\r\n" in answer
    assert b"X-Amzn-ErrorType" in answer.partition(b"Access-Control-Expose-Headers: ")[2].split(b"\r\n")[0]


# --- outages, defects, clocks


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_a_wrong_clock_is_an_outage_to_every_operation(ground: Ground, operation: str) -> None:
    person = await ground.client.sign_up()
    tokens = await ground.cognito.log_in(person["email"], person["password"])
    ground.fakes.application.clock.note("the clock of this instance is 60 s ahead")
    with pytest.raises(CognitoFailure) as failure:
        await ground.cognito.call(operation, **well_formed(operation, person, tokens))
    assert (failure.value.status, failure.value.kind) == (503, "InternalError")


async def test_a_denylist_that_may_lack_something_is_an_outage(ground: Ground) -> None:
    person = await ground.client.sign_up()
    tokens = await ground.cognito.log_in(person["email"], person["password"])
    await ground.fakes.redis.flushall()
    for operation in ("GetUser", "InitiateAuth"):
        with pytest.raises(CognitoFailure) as failure:
            await ground.cognito.call(operation, **well_formed(operation, person, tokens))
        assert (failure.value.status, failure.value.kind) == (503, "InternalError")


class UnheardError(AuthError):
    """A refusal that nobody gave words for."""

    code = "unheard"
    message = "x"


@pytest.mark.parametrize("error", [RuntimeError("a secret"), UnheardError("a secret")])
async def test_a_defect_shows_nothing_but_its_request_id(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Sessions, "authenticate_access", fail)
    with capture_logs() as log, pytest.raises(CognitoFailure) as failure:
        await ground.cognito.call("GetUser", AccessToken="a.b.c")
    assert (failure.value.status, failure.value.kind) == (500, "InternalError")
    assert "secret" not in str(failure.value)
    [line] = [one for one in log if one["event"] == "request"]
    assert (line["status"], line["route"], line["error"]) == (500, "/ GetUser", "InternalErrorException")


# --- what operators see


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"AuthFlow": "CUSTOM_AUTH"}, "flow_off"),
        ({"AuthFlow": "USER_PASSWORD_AUTH"}, "missing_parameter"),
        ({"AuthFlow": "MAGIC"}, "broken_constraint"),
        ({"ClientId": "nobody"}, "unknown_client"),
        ({"ClientId": "web"}, "no_client_secret"),
        ({"ClientId": "web", "AuthParameters": {"USERNAME": "a", "SECRET_HASH": "x"}}, "wrong_client_secret"),
    ],
)
async def test_the_log_says_why_this_protocol_alone_refused(
    make_ground: MakeGround, members: dict[str, Any], reason: str
) -> None:
    ground = await make_ground({"clients": "web:secretsecretsecretsecret24"})
    given = {"ClientId": "tokenhouse", "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": {"USERNAME": "a"}} | members
    with capture_logs() as log:
        await ground.cognito.refused("InitiateAuth", **given)
    [line] = [one for one in log if one["event"] == "request"]
    assert (line["code"], line["reason"]) == ("cognito", reason)


async def test_the_request_log_names_the_operation_the_error_and_the_reason(ground: Ground) -> None:
    person = await ground.client.sign_up()
    with capture_logs() as log:
        await ground.cognito.refused(
            "InitiateAuth",
            ClientId="tokenhouse",
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": person["email"], "PASSWORD": "Wrong-pass1"},
        )
        await ground.cognito.refused("GetUser", AccessToken="a.b.c")
        await ground.cognito.refused("GetUser")
        await ground.cognito.send("", b"{}")
    lines = [one for one in log if one["event"] == "request"]
    assert [(one["route"], one["code"], one["error"]) for one in lines] == [
        ("/ InitiateAuth", "invalid_credentials", "NotAuthorizedException"),
        ("/ GetUser", "invalid_token", "NotAuthorizedException"),
        ("/ GetUser", "cognito", "InvalidParameterException"),
        ("/", "cognito", "UnknownOperationException"),
    ]
    [event] = [one for one in log if one["event"] == "authn_login_fail"]
    assert event["reason"] == "wrong_password"
    assert person["email"] not in str(log)
    assert "Wrong-pass1" not in str(log)
