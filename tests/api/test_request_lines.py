"""What a request's line says of a refusal, that the answer does not; and which requests leave a line."""

import json
from collections.abc import Iterator, MutableMapping
from dataclasses import replace
from typing import Any

import pytest
from joserfc import jwt
from structlog.testing import capture_logs

from service.domain.seals import Purpose, Seals
from service.faults import Fault
from service.request_log import Refusal, RequestLog, RequestRecord, Sampled, print_request
from service.settings import LoggingSettings
from service.telemetry import logs
from tests.conftest import ROOT, Client, OnFakes, bearer, problem
from tests.support.builders import FakeAmbient, part

Log = list[MutableMapping[str, Any]]
UNKNOWN_KEY = "x" * 43


@pytest.fixture
def log() -> Iterator[Log]:
    with capture_logs() as lines:
        yield lines


@pytest.fixture
async def person(client: Client) -> dict[str, Any]:
    return await client.sign_up()


@pytest.fixture
async def tokens(client: Client, person: dict[str, Any]) -> dict[str, Any]:
    return await client.log_in(person)


def last_request(log: Log) -> MutableMapping[str, Any]:
    return [line for line in log if line["event"] == "request"][-1]


def user_of(tokens: dict[str, Any]) -> str:
    return str(json.loads(part(tokens["idToken"], 1))["sub"])


def session_of(tokens: dict[str, Any]) -> str:
    return str(json.loads(part(tokens["idToken"], 1))["origin_jti"])


def signed(fakes: OnFakes, tokens: dict[str, Any], header: dict[str, Any] | None = None, **claims: Any) -> str:
    pair = fakes.application.keys.signing
    said = json.loads(part(tokens["idToken"], 1)) | claims
    return jwt.encode({"typ": "JWT", "alg": "RS256", "kid": pair.kid} | (header or {}), said, pair.key)


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "https://evil.example"}, Fault.OTHER_ISSUER),
        ({"aud": "other"}, Fault.OTHER_CLIENT),
        ({"token_use": "access"}, Fault.WRONG_USE),
        ({"iat": 1, "exp": 2**33}, Fault.IMPOSSIBLE_TIMES),
    ],
)
async def test_a_token_with_our_signature_is_refused_with_its_reason_user_and_session(
    fakes: OnFakes, log: Log, tokens: dict[str, Any], claims: dict[str, Any], reason: str
) -> None:
    answer = await fakes.client.me({"idToken": signed(fakes, tokens, **claims)})
    line = last_request(log)
    assert (answer.status, line["status"], line["code"], line["reason"]) == (401, 401, "invalid_token", reason)
    assert (line["user_id"], line["session_id"]) == (user_of(tokens), session_of(tokens))
    assert line["source"] == "127.0.0.0/24"


async def test_a_token_that_proves_nothing_is_refused_with_its_reason_and_names_nobody(
    fakes: OnFakes, log: Log, tokens: dict[str, Any]
) -> None:
    head, body, signature = tokens["idToken"].split(".")
    for token, reason in (
        ("no token", Fault.MALFORMED),
        (f"{head}.{body}.{signature[::-1]}", Fault.FORGED),
        (signed(fakes, tokens, {"kid": UNKNOWN_KEY}), Fault.UNKNOWN_KEY),
    ):
        assert (await fakes.client.me({"idToken": token})).status == 401
        line = last_request(log)
        assert line["reason"] == reason
        assert not {"user_id", "session_id"} & line.keys()


async def test_why_a_user_was_logged_out_is_told_by_the_log_at_level_info(
    fakes: OnFakes, log: Log, person: dict[str, Any], tokens: dict[str, Any]
) -> None:
    other = await fakes.client.log_in(person)
    await fakes.client.http.delete("/auth/sessions", headers=bearer(other))
    assert (await fakes.client.me(tokens)).status == 401
    refused = last_request(log)
    assert (refused["reason"], refused["user_id"]) == (Fault.REVOKED, person["userId"])
    assert (await fakes.client.refresh(tokens)).status == 401
    not_renewed = last_request(log)
    assert (not_renewed["code"], not_renewed["reason"]) == ("invalid_refresh_token", "session_ended")
    [ended] = [line for line in log if line["event"] == "session_expired"]
    assert {line["session_id"] for line in (refused, not_renewed, ended)} == {session_of(tokens)}
    assert (ended["reason"], ended["user_id"], ended["log_level"]) == ("by_user", person["userId"], "info")
    fakes.ambient.advance(hours=2)
    assert (await fakes.client.me(other)).status == 401
    assert (last_request(log)["reason"], last_request(log)["session_id"]) == (Fault.EXPIRED, session_of(other))


async def test_refusals_of_other_credentials_have_their_reasons_too(
    fakes: OnFakes, log: Log, person: dict[str, Any], tokens: dict[str, Any]
) -> None:
    key = {"x-api-key": person["apiKey"]}
    wrong = {"email": person["email"], "password": "WrongPass1!"}
    for path, headers, reason in (
        ("/auth/me", {}, Fault.NO_CREDENTIAL),
        ("/auth/sessions", key, Fault.KEY_NOT_ACCEPTED),
        ("/auth/me", {"x-api-key": "nobody's"}, "unknown_api_key"),
    ):
        assert (await fakes.client.get(path, **headers)).status == 401
        assert last_request(log)["reason"] == reason
    assert (await fakes.client.post("/auth/login", wrong)).status == 401
    line = last_request(log)
    assert (line["code"], line["reason"], line["user_id"]) == (
        "invalid_credentials",
        "wrong_password",
        person["userId"],
    )
    await fakes.application.accounts.disable(person["email"])
    assert (await fakes.client.get("/auth/me", **key)).status == 401
    assert (last_request(log)["reason"], last_request(log)["user_id"]) == ("disabled", person["userId"])
    body = {"accessToken": tokens["idToken"]}
    live = await fakes.client.log_in(await fakes.client.sign_up())
    assert (await fakes.client.post("/auth/logout", body, **bearer(live))).status == 400
    assert (last_request(log)["code"], last_request(log)["reason"]) == ("invalid_access_token", Fault.WRONG_USE)


async def test_the_reason_is_in_no_answer(fakes: OnFakes, tokens: dict[str, Any]) -> None:
    expected = {**json.loads(await (await fakes.client.me({"idToken": "no token"})).text()), "requestId": ""}
    forged = [signed(fakes, tokens, aud="other"), signed(fakes, tokens, {"kid": UNKNOWN_KEY})]
    fakes.ambient.advance(hours=2)
    for token in (*forged, tokens["idToken"]):
        answer = await fakes.client.me({"idToken": token})
        assert {**json.loads(await answer.text()), "requestId": ""} == expected


def test_every_reason_is_explained_where_operators_look() -> None:
    page = (ROOT / "docs" / "observability.md").read_text()
    assert [fault for fault in Fault if f"| `{fault}` |" not in page] == []


async def test_an_instance_with_an_earlier_secret_blames_no_store_and_its_line_has_the_reason(
    fakes: OnFakes, log: Log, person: dict[str, Any]
) -> None:
    row = await fakes.users.by_email(person["email"])
    assert row
    later = Seals(["the secret that came later, as long as one has to be"], fakes.ambient)
    sealed = later.seal(Purpose.API_KEY_SEAL, person["apiKey"].encode(), str(row.id))
    fakes.users.rows[row.id] = replace(row, api_key_sealed=sealed)
    answer = await fakes.client.post("/auth/login", {"email": person["email"], "password": person["password"]})
    said = problem(await answer.text())
    assert (answer.status, said["code"]) == (503, "unavailable")
    assert said["detail"].startswith("The service cannot answer at the moment.")
    assert "Retry-After" in answer.headers
    assert (last_request(log)["code"], last_request(log)["reason"]) == ("unavailable", "UnknownSecretError")


# --- how the line is written


async def test_a_line_by_hand_has_the_fields_that_structlog_writes(log: Log) -> None:
    written: list[bytes] = []
    by_hand = RequestLog(written.append, FakeAmbient())
    refusal = Refusal("invalid_token", Fault.REVOKED, "a-user", "a-session", "192.0.2.0/24")
    line = RequestRecord("r-1", "GET", "/auth/me", 401, 1.25, refusal, 7)
    by_hand(line)
    by_hand.flush()
    print_request(line)
    said = json.loads(written[0])
    del said["time"]
    assert said.pop("level") == log[0].pop("log_level")
    assert said == log[0]
    assert (said["reason"], said["session_id"], said["held_back"]) == ("revoked", "a-session", 7)


# --- which requests leave a line


def sampled(lines: list[RequestRecord], ambient: FakeAmbient, **more: Any) -> Sampled:
    return Sampled(lines.append, ambient, **{"per_second": 40} | more)


def test_probes_leave_a_line_only_when_they_fail_or_the_settings_ask_for_it() -> None:
    lines: list[RequestRecord] = []
    by_default = logs.for_requests(LoggingSettings(format="json"), FakeAmbient())
    assert isinstance(by_default, Sampled)
    by_default.write = lines.append
    good = [RequestRecord("r-1", "GET", route, 200, 0.1) for route in ("/healthz", "/readyz")]
    bad = RequestRecord("r-1", "GET", "/readyz", 503, 0.1, Refusal("unavailable", "not_ready"))
    for line in (*good, bad):
        by_default(line)
    assert lines == [bad]
    lines.clear()
    all_of_them = sampled(lines, FakeAmbient(), probes=True)
    for line in good:
        all_of_them(line)
    assert lines == good


async def test_an_instance_that_is_not_ready_says_so_in_the_line_of_the_probe(fakes: OnFakes, log: Log) -> None:
    fakes.application.readiness.is_closing = True
    assert (await fakes.client.get("/readyz")).status == 503
    assert (last_request(log)["code"], last_request(log)["reason"]) == ("unavailable", "not_ready")


def test_a_flood_of_one_kind_hides_no_other_and_how_much_was_held_back_is_told() -> None:
    ambient, lines = FakeAmbient(), list[RequestRecord]()
    write = sampled(lines, ambient)
    forged = RequestRecord("r-1", "GET", "/auth/me", 401, 0.1, Refusal("invalid_token", Fault.FORGED))
    expired = RequestRecord("r-2", "GET", "/auth/me", 401, 0.1, Refusal("invalid_token", Fault.EXPIRED, "a-user"))
    for _ in range(1000):
        write(forged)
    write(expired)
    assert lines == [forged] * 10 + [expired]
    ambient.advance(seconds=1)
    write(forged)
    write(forged)
    assert [line.held_back for line in lines[-2:]] == [990, 0]


def test_floods_of_many_kinds_write_no_more_lines_than_the_settings_allow() -> None:
    ambient, lines = FakeAmbient(), list[RequestRecord]()
    write = sampled(lines, ambient)
    for number in range(5000):
        write(RequestRecord("r-1", "GET", f"/{number % 50}", 200, 0.1))
    assert len(lines) == 40
    for _ in range(10):
        ambient.advance(seconds=1)
        for number in range(5000):
            write(RequestRecord("r-1", "GET", f"/{number % 50}", 200, 0.1))
    assert len(lines) == 11 * 40
    lines.clear()
    sampled(lines, ambient, per_second=0)(RequestRecord("r-1", "GET", "/auth/me", 200, 0.1))
    assert lines == []
