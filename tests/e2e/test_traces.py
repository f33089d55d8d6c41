"""What OpenTelemetry is told: in processes of their own, for its instrumentation changes libraries for good."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from service.embedded import Stores
from tests.conftest import ROOT
from tests.support.builders import SECRET
from tests.support.processes import of


@pytest.fixture(scope="module")
def told(embedded: Stores) -> dict[str, Any]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TOKENHOUSE_")}
    environment = kept | {"PYTHONPATH": str(ROOT)} | of(embedded, 0, TOKENHOUSE_PASSWORDS__BCRYPT_ROUNDS="4")
    program = [sys.executable, "-W", "error", "-m", "tests.support.traced"]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stderr)
    return said | {"log": [json.loads(line) for line in done.stdout.splitlines()]}


def test_a_login_is_one_trace_of_its_caller_through_both_stores(told: dict[str, Any]) -> None:
    of_login = [span for span in told["spans"] if span["context"]["trace_id"] == "0x" + "a" * 32]
    [server] = [span for span in of_login if span["kind"] == "SpanKind.SERVER"]
    assert server["name"] == "POST /auth/login"
    assert server["parent_id"] == "0x" + "b" * 16
    assert server["attributes"] == {
        "http.request.method": "POST",
        "http.route": "/auth/login",
        "http.response.status_code": 200,
    }
    systems = {span["attributes"].get("db.system") for span in of_login if span is not server}
    assert systems == {"postgresql", "redis"}
    ids = {span["context"]["span_id"] for span in of_login}
    assert all(span["parent_id"] in ids for span in of_login if span is not server)
    assert {line["event"] for line in told["log"] if line.get("trace_id") == "a" * 32} == {
        "authn_login_success",
        "request",
    }


def test_every_line_of_a_traced_request_names_its_trace(told: dict[str, Any]) -> None:
    """Though this caller sent none."""
    [span] = [span for span in told["spans"] if span["name"] == "GET /auth/me"]
    [line] = [line for line in told["log"] if line.get("route") == "/auth/me"]
    assert f"0x{line['trace_id']}" == span["context"]["trace_id"]


def test_no_span_carries_what_was_typed_or_handed_out(told: dict[str, Any]) -> None:
    spans = json.dumps(told["spans"])
    assert "POST /auth/signup" in spans
    secrets = [*told["typed"].values(), *told["tokens"].values(), SECRET, "query-secret", "path-secret"]
    for secret in [*secrets, "tracestate-secret", "baggage-secret", "traced.example", "Bearer", "python-requests"]:
        assert secret not in spans
    for span in told["spans"]:
        assert span["events"] == []
        assert "description" not in span["status"]


def test_the_arguments_of_redis_commands_stay_here(told: dict[str, Any]) -> None:
    statements = [
        span["attributes"]["db.statement"] for span in told["spans"] if span["attributes"].get("db.system") == "redis"
    ]
    words = {word for statement in statements for word in statement.split()}
    assert "?" in words
    assert all(word == "?" or word.isupper() for word in words), words
