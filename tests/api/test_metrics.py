"""What Prometheus is told: of each thing that happens, and never who it was."""

import asyncio
import platform
import socket
import tomllib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
from aiohttp import ClientSession
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from service.api.routes import OPERATIONS
from service.app import make_app
from service.domain.events.security_events import Event, Name
from service.domain.models import Visitor
from service.domain.webhooks.models import NewDelivery
from service.histogram import Histogram
from service.http.server import HttpServer, listen
from service.operator_errors import ConfigurationError
from service.output import OUTPUT
from service.request_log import print_request
from service.settings import MetricsSettings
from service.telemetry.metrics import Listener
from service.telemetry.metrics.catalog import ALL, MetricKind
from service.telemetry.metrics.loop_lag import LoopLag
from tests.conftest import ROOT, Client, MakeOnFakes, OnFakes, bearer
from tests.support import builders
from tests.support.fake_webhooks import FakeDeliveries
from tests.support.postbox import prove

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]
OTHERS = ("process_", "python_gc_")


@dataclass
class Watched:
    """The application with its metrics; `client` asks the front door, `port` is the other one."""

    client: Client
    fakes: OnFakes
    port: int

    async def text(self, path: str = "/metrics") -> str:
        async with self.client.http.get(f"http://127.0.0.1:{self.port}{path}") as answer:
            assert answer.status == 200
            assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            return await answer.text()

    async def series(self) -> Series:
        families = text_string_to_metric_families(await self.text())
        return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}

    async def grown(self, before: Series, name: str) -> dict[str, float]:
        """What of a metric is more than before, by its labels' values in the order of their names."""
        return {
            " ".join(value for _, value in sorted(labels) if value): value - before.get((named, labels), 0)
            for (named, labels), value in (await self.series()).items()
            if named == f"tokenhouse_{name}" and value != before.get((named, labels), 0)
        }


async def watch(fakes: OnFakes, closing: AsyncExitStack) -> Watched:
    application = fakes.application
    metrics = Listener(application, MetricsSettings(port=0))
    door = HttpServer(
        make_app(application, application.settings.server, log_request=metrics.before(print_request)),
        application.settings.server,
    )
    await door.setup()
    closing.push_async_callback(door.cleanup)
    port = await listen(door, application.settings.server)
    await metrics.open(door)
    closing.push_async_callback(metrics.close)
    session = await closing.enter_async_context(ClientSession(f"http://127.0.0.1:{port}"))
    return Watched(Client(session, port), fakes, metrics.port)


@pytest.fixture
async def closing() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def watched(fakes: OnFakes, closing: AsyncExitStack) -> Watched:
    return await watch(fakes, closing)


async def test_every_metric_of_the_catalogue_is_there_and_no_other(watched: Watched) -> None:
    families = {family.name: family for family in text_string_to_metric_families(await watched.text())}
    ours = {name: family for name, family in families.items() if not name.startswith(OTHERS)}
    assert {name: (family.type, family.documentation) for name, family in ours.items()} == {
        measure.name.removesuffix("_total"): (measure.kind.value, measure.about) for measure in ALL
    }
    for measure in ALL:
        for sample in families[measure.name.removesuffix("_total")].samples:
            beside = {"le"} if measure.kind is MetricKind.HISTOGRAM and sample.name.endswith("_bucket") else set()
            assert sample.labels.keys() == set(measure.labels) | beside, sample


async def test_the_build_is_that_of_the_release(watched: Watched) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    [labels] = [dict(labels) for name, labels in await watched.series() if name == "tokenhouse_build_info"]
    assert labels == {"version": project["version"], "python": platform.python_version()}


async def test_a_request_is_counted_by_method_template_and_status(watched: Watched) -> None:
    before = await watched.series()
    tokens = await watched.client.log_in(await watched.client.sign_up())
    for _ in range(2):
        await watched.client.me(tokens)
    await watched.client.http.delete("/auth/sessions/nobody", headers=bearer(tokens))
    assert await watched.grown(before, "http_request_duration_seconds_count") == {
        "POST /auth/signup 201": 1,
        "POST /auth/login 200": 1,
        "GET /auth/me 200": 2,
        "DELETE /auth/sessions/{sessionId} 404": 1,
    }


async def test_no_label_has_what_a_caller_chose(watched: Watched) -> None:
    for method, path in (
        ("GET", "/SECRETMARKER"),
        ("SECRETMARKER", "/auth/me"),
        ("GET", "/docs/SECRETMARKER"),
        ("GET", "/auth/me?SECRETMARKER"),
    ):
        async with watched.client.http.request(method, path, headers={"X-Request-Id": "SECRETMARKER"}):
            pass
    await watched.client.post("/auth/login", {"email": "secretmarker@example.com", "password": "SECRETMARKER1a!"})
    text = await watched.text()
    assert "secretmarker" not in text.lower()
    assert "127.0.0.1" not in text
    routes = {labels["route"] for (_, pairs) in await watched.series() if "route" in (labels := dict(pairs))}
    assert routes <= {operation.path for operation in OPERATIONS} | {"none"}


async def test_a_life_of_a_session_is_counted_from_sign_up_to_logout(watched: Watched) -> None:
    before = await watched.series()
    person = await watched.client.sign_up()
    await watched.client.post("/auth/signup", builders.sign_up_body(email=person["email"]))
    await watched.client.post("/auth/login", {"email": person["email"], "password": "WrongPass1!"})
    tokens = await watched.client.log_in(person)
    await watched.client.refresh(tokens)
    await watched.client.log_out(tokens)
    await watched.client.refresh(tokens)
    assert await watched.grown(before, "logins_total") == {"success": 1, "failure wrong_password": 1}
    assert await watched.grown(before, "signups_total") == {"success": 1, "failure email_taken": 1}
    assert await watched.grown(before, "sessions_opened_total") == {"": 1}
    assert await watched.grown(before, "sessions_ended_total") == {"logout": 1}
    assert await watched.grown(before, "refreshes_total") == {"success": 1, "failure session_ended": 1}
    assert (await watched.grown(before, "denylist_checks_total"))[""] >= 3


async def test_an_event_without_a_metric_of_its_own_is_counted_by_name_and_reason(watched: Watched) -> None:
    before = await watched.series()
    watched.fakes.application.events.emit(Event(Name.KEY_ROTATED, reason="at_once"))
    assert await watched.grown(before, "security_events_total") == {"sys_key_rotated success at_once": 1}


async def test_rotating_refresh_tokens_are_counted_by_how_they_were_found(
    on_fakes: MakeOnFakes, closing: AsyncExitStack
) -> None:
    watched = await watch(await on_fakes(tokens={"refresh_rotation": True}), closing)
    before = await watched.series()
    tokens = await watched.client.log_in(await watched.client.sign_up())
    for _ in range(2):
        await watched.client.refresh(tokens)
    assert await watched.grown(before, "refresh_swaps_total") == {"renewed": 1, "again": 1}


async def test_limits_are_counted_by_policy_and_outcome(on_fakes: MakeOnFakes, closing: AsyncExitStack) -> None:
    watched = await watch(await on_fakes(throttle={"exempt": [], "login_source": "2/5m"}), closing)
    before = await watched.series()
    for _ in range(3):
        await watched.client.post("/auth/login", {"email": "nobody@example.com", "password": "WrongPass1!"})
    assert await watched.grown(before, "limiter_decisions_total") == {"allowed login": 2, "refused login": 1}


async def test_the_password_queue_can_be_watched(watched: Watched) -> None:
    queue = watched.fakes.application.passwords.queue
    before = await watched.series()
    await watched.client.log_in(await watched.client.sign_up())
    assert await watched.grown(before, "hash_duration_seconds_count") == {"": 2}
    assert await watched.grown(before, "hash_queue_wait_seconds_count") == {"": 2}
    queue.hash_seconds = 1000.0
    now = await watched.series()
    assert now["tokenhouse_hash_queue_capacity", frozenset()] == 2 * queue.workers
    with queue.reserve(Visitor("192.0.2.1")):
        assert await watched.grown(now, "hash_queue_waiting") == {"": 1}


async def test_the_password_engine_is_named(on_fakes: MakeOnFakes) -> None:
    async with AsyncExitStack() as closing:
        watched = await watch(await on_fakes(passwords={"engine": "wheel"}), closing)
        assert (await watched.series())["tokenhouse_hash_queue_engine", frozenset({("engine", "wheel")})] == 1


async def test_stores_are_up_or_down_as_readyz_says(watched: Watched) -> None:
    """fakeredis does not say whether it is a primary, so it cannot be counted on."""
    assert (await watched.client.get("/readyz")).status == 503
    series = await watched.series()
    assert series["tokenhouse_ready", frozenset()] == 0
    assert series["tokenhouse_store_up", frozenset({("store", "postgres")})] == 1
    assert series["tokenhouse_store_up", frozenset({("store", "redis")})] == 0


async def test_the_memory_of_redis_is_told_as_a_share_of_its_limit_and_not_at_all_without_one(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {
        "run_id": "the only",
        "master_replid": "run",
        "role": "master",
        "maxmemory_policy": "noeviction",
        "used_memory": 300,
        "server_time_usec": 0,
    }
    ratio = "tokenhouse_redis_memory_ratio", frozenset[tuple[str, str]]()
    for limit, told in ((400, 0.75), (0, None)):

        async def info(limit: int = limit) -> dict[str, object]:
            return {**said, "maxmemory": limit}

        monkeypatch.setattr(watched.fakes.redis, "info", info)
        watched.fakes.ambient.advance(seconds=1)
        series = await watched.series()
        assert series["tokenhouse_store_up", frozenset({("store", "redis")})] == 1
        assert series.get(ratio) == told


async def test_the_active_key_has_an_age_and_a_time_to_its_successor(
    on_fakes: MakeOnFakes, closing: AsyncExitStack
) -> None:
    watched = await watch(await on_fakes(keys={"rotate_after": "400d"}), closing)
    one = await watched.series()
    watched.fakes.ambient.advance(days=1)
    two = await watched.series()
    for name, more in (
        ("tokenhouse_signing_key_age_seconds", 86400),
        ("tokenhouse_signing_key_takeover_seconds", -86400),
    ):
        assert two[name, frozenset()] - one[name, frozenset()] == more
    assert one["tokenhouse_signing_keys", frozenset({("state", "active")})] == 1


async def test_open_connections_and_unread_requests_are_counted(watched: Watched) -> None:
    before = await watched.series()
    reader, writer = await asyncio.open_connection("127.0.0.1", watched.client.port)
    writer.write(b"nonsense\r\n\r\n")
    assert b" 400 " in await reader.readline()
    assert await watched.grown(before, "http_unread_total") == {"400": 1}
    assert (await watched.series())["tokenhouse_connections_open", frozenset()] >= 1
    writer.close()


async def test_lines_and_events_that_were_lost_are_counted(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    before = await watched.series()
    monkeypatch.setattr(OUTPUT, "dropped", OUTPUT.dropped + 7)
    watched.fakes.application.audit.dropped += 3
    assert await watched.grown(before, "log_lines_dropped_total") == {"": 7}
    assert await watched.grown(before, "audit_events_dropped_total") == {"": 3}


async def test_two_houses_in_one_process_count_each_for_itself(on_fakes: MakeOnFakes, closing: AsyncExitStack) -> None:
    one, other = [await watch(await on_fakes(), closing) for _ in range(2)]
    before = await other.series()
    await one.client.sign_up()
    assert await other.grown(before, "signups_total") == {}


async def test_the_public_port_has_no_metrics_and_theirs_has_nothing_else(watched: Watched) -> None:
    assert (await watched.client.get("/metrics")).status == 404
    for path in ("/", "/healthz", "/auth/me"):
        async with watched.client.http.get(f"http://127.0.0.1:{watched.port}{path}") as answer:
            assert answer.status == 404
            assert "Server" not in answer.headers


async def test_when_the_port_is_taken_any_other_does_and_the_log_names_both(fakes: OnFakes) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        metrics = Listener(fakes.application, MetricsSettings(port=other.getsockname()[1]))
        door = HttpServer(
            make_app(fakes.application, fakes.application.settings.server), fakes.application.settings.server
        )
        with capture_logs() as lines:
            await metrics.open(door)
        async with fakes.client.http.get(f"http://127.0.0.1:{metrics.port}/metrics") as answer:
            assert answer.status == 200
        await metrics.close()
    (line,) = lines
    assert (line["event"], line["port"], line["log_level"]) == ("metrics on another port", metrics.port, "warning")
    assert "in use; set TOKENHOUSE_METRICS__PORT" in line["fault"]


async def test_a_host_that_is_not_this_machine_s_is_named_with_its_setting(fakes: OnFakes) -> None:
    metrics = Listener(fakes.application, MetricsSettings(host="192.0.2.1", port=0))
    door = HttpServer(make_app(fakes.application, fakes.application.settings.server), fakes.application.settings.server)
    with pytest.raises(ConfigurationError, match="set TOKENHOUSE_METRICS__HOST to an address of this machine"):
        await metrics.open(door)
    await metrics.close()


def test_the_worst_lag_is_forgotten_once_it_was_told() -> None:
    lag = LoopLag()
    for seconds in (0.2, 0.05, -0.001):
        lag.note(seconds)
    assert (lag.take_worst(), lag.take_worst()) == (0.2, 0.0)
    assert (lag.lags.count, lag.lags.sum) == (3, 0.25)


def test_a_value_on_a_bound_lies_within_it() -> None:
    tally = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 2.5):
        tally.add(value)
    assert tally.counts == [2, 2, 1]


async def test_mails_are_counted_by_kind_and_outcome_and_those_that_wait_by_age(
    on_fakes: MakeOnFakes, closing: AsyncExitStack
) -> None:
    watched = await watch(await on_fakes(mail={"url": "inbox:", "sender": "accounts@example.com"}), closing)
    before = await watched.series()
    assert before["tokenhouse_mails_total", frozenset({("kind", "notice"), ("outcome", "sent")})] == 0
    worker = watched.fakes.application.mail_worker
    assert worker
    person = await watched.client.sign_up()
    prove(watched.fakes.users, person)
    await watched.client.post("/auth/api-key", {}, **bearer(await watched.client.log_in(person)))
    watched.fakes.ambient.advance(seconds=90)
    await worker.look()
    await worker.settle()
    assert await watched.grown(before, "mails_total") == {"notice sent": 1, "verify nothing": 1}
    assert (await watched.series())["tokenhouse_mails_waiting", frozenset()] == 2
    assert (await watched.series())["tokenhouse_mails_oldest_seconds", frozenset()] == 90


async def test_without_mail_nothing_is_said_of_any(watched: Watched) -> None:
    assert not [name for name, _ in await watched.series() if name.startswith("tokenhouse_mails")]


async def test_webhooks_are_counted_by_endpoint_and_outcome_and_those_that_wait_by_age(
    on_fakes: MakeOnFakes, closing: AsyncExitStack
) -> None:
    crm = {"url": "https://127.0.0.1/hook", "secrets": [f"whsec_{'a' * 32}"]}  # a private address: refused unasked
    watched = await watch(await on_fakes(webhooks={"endpoints": {"crm": crm}}), closing)
    before = await watched.series()
    assert before["tokenhouse_webhook_attempts_total", frozenset({("endpoint", "crm"), ("outcome", "given_up")})] == 0
    worker = watched.fakes.application.webhook_worker
    deliveries = watched.fakes.application.backends.webhook_deliveries
    assert worker
    assert isinstance(deliveries, FakeDeliveries)
    event_id = watched.fakes.ambient.new_uuid()
    await worker.look()
    deliveries.file("crm", NewDelivery(id=event_id, event_id=event_id, type="user.created", body="{}"))
    watched.fakes.ambient.advance(seconds=90)
    await worker.look()
    await worker.settle()
    assert await watched.grown(before, "webhook_attempts_total") == {"crm postponed": 1}
    of_crm = frozenset({("endpoint", "crm")})
    assert (await watched.series())["tokenhouse_webhooks_waiting", of_crm] == 1
    assert (await watched.series())["tokenhouse_webhooks_oldest_seconds", of_crm] == 90
    assert (await watched.series())["tokenhouse_webhooks_given_up", of_crm] == 0


async def test_without_endpoints_nothing_is_said_of_webhooks(watched: Watched) -> None:
    assert not [name for name, _ in await watched.series() if name.startswith("tokenhouse_webhook")]
