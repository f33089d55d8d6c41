"""Webhooks on fakes: what is filed for whom, when it is tried again, and that nobody waits for another."""

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from service.domain.events.audit_trail import is_kept
from service.domain.events.security_events import Event, Name, Outcome, Reason, run_by
from service.domain.webhooks import messages
from service.domain.webhooks.attempts import LEASE, PAUSES, AttemptOutcome, Attempts
from service.domain.webhooks.models import DeliveryStatus, Endpoint, ListedDelivery, TrailEvent, TrailPosition
from service.domain.webhooks.ports import NoAnswerError
from service.domain.webhooks.webhooks import Webhooks
from service.domain.webhooks.worker import COUNT_EVERY, LANES, READ_AT_ONCE, WebhookWorker
from tests.support import builders
from tests.support.builders import NOON, FakeAmbient
from tests.support.fake_webhooks import FakeCursors, FakeDeliveries, FakeSender
from tests.support.waiting import until

ADA = UUID("5c1f9c1e-0000-4000-8000-000000000001")
SPACE = UUID(int=7)
PUBLISHED = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]  # seconds
KEY, OLD_KEY = b"k" * 32, b"o" * 24


class OutageError(Exception):
    pass


def endpoint(name: str = "crm", **fields: Any) -> Endpoint:
    return Endpoint(
        name=name, url=f"https://{name}.example/hook?token=hidden", keys=fields.pop("keys", [KEY]), **fields
    )


def event(number: int = 1, name: str = "user_created", **fields: Any) -> TrailEvent:
    facts: dict[str, Any] = {"outcome": "success", "reason": "", "user_id": ADA, "session_id": "", "key_id": ""}
    return TrailEvent(position=TrailPosition(0, uuid5(SPACE, str(number))), at=NOON, name=name, **{**facts, **fields})


class Scene:
    def __init__(self, *endpoints: Endpoint) -> None:
        self.ambient = FakeAmbient()
        self.deliveries = FakeDeliveries(self.ambient)
        self.cursors = FakeCursors(self.deliveries)
        self.sender = FakeSender()
        self.endpoints = {one.name: one for one in endpoints or [endpoint()]}
        self.attempts = Attempts(self.deliveries, self.sender, self.ambient, (OutageError,))
        self.worker = self.make_worker()
        self.audited: list[Event] = []
        self.webhooks = Webhooks(
            store=self.deliveries,
            endpoints=self.endpoints,
            attempts=self.attempts,
            ambient=self.ambient,
            events=builders.events(self.audited.append),
        )

    def make_worker(self) -> WebhookWorker:
        return WebhookWorker(
            cursors=self.cursors,
            store=self.deliveries,
            endpoints=self.endpoints,
            attempts=self.attempts,
            ambient=self.ambient,
            outages=(OutageError,),
        )

    async def work(self, **span: float) -> None:
        """Let this time pass, and do what is to be done then."""
        self.ambient.advance(**span)
        while not await self.worker.look():
            pass
        await self.worker.settle()

    @property
    def only(self) -> ListedDelivery:
        (row,) = self.deliveries.rows.values()
        return row.listed


@pytest.fixture
async def scene() -> Scene:
    scene = Scene()
    await scene.work()
    return scene


async def test_the_accounts_of_an_import_are_told_after_all_others(scene: Scene) -> None:
    for number in range(3 * LANES):
        scene.cursors.enter(event(number, reason=Reason.IMPORTED))
    entered = scene.cursors.enter(event(99, name="user_deleted"))
    await scene.work()
    assert str(entered.position.event_id) in [headers["webhook-id"] for _, headers, _ in scene.sender.sent[:LANES]]
    while len(scene.sender.sent) < 3 * LANES + 1:
        await scene.work()


# --- what is sent


async def test_what_enters_the_trail_is_sent_once_with_ids_alone(scene: Scene) -> None:
    entered = scene.cursors.enter(event(session_id="session-1"))
    await scene.work()
    await scene.work(days=2)
    ((name, headers, body),) = scene.sender.sent
    assert name == "crm"
    assert json.loads(body) == {
        "type": "user.created",
        "timestamp": "2026-11-24T12:00:00.000000Z",
        "data": {"outcome": "success", "userId": str(ADA), "sessionId": "session-1"},
    }
    assert headers["webhook-id"] == str(entered.position.event_id)
    assert headers["Content-Type"] == "application/json"
    assert scene.only.status == DeliveryStatus.DELIVERED
    assert scene.only.last_reply == "204"


async def test_an_endpoint_that_is_new_begins_with_the_next_event() -> None:
    scene = Scene()
    scene.cursors.enter(event(1))
    await scene.work()
    scene.cursors.enter(event(2))
    await scene.work()
    assert [json.loads(body)["type"] for _, _, body in scene.sender.sent] == ["user.created"]


async def test_an_instance_that_starts_again_goes_on_where_the_trail_was_left(scene: Scene) -> None:
    scene.worker = scene.make_worker()
    scene.cursors.enter(event())
    await scene.work()
    assert len(scene.sender.sent) == 1


@pytest.mark.parametrize(
    ("events", "taken"),
    [
        ((), ["user.created", "user.disabled", "login.failed", "other.of_tomorrow_"]),
        (("user.*",), ["user.created", "user.disabled"]),
        (("login.failed", "user.created"), ["user.created", "login.failed"]),
    ],
    ids=["all", "of a kind", "some"],
)
async def test_an_endpoint_gets_the_types_that_it_takes(events: tuple[str, ...], taken: list[str]) -> None:
    scene = Scene(endpoint(events=events))
    await scene.work()
    scene.cursors.enter(event(1))
    scene.cursors.enter(event(2, "user_updated", reason="disabled"))
    scene.cursors.enter(event(3, "authn_login_fail", outcome="failure", reason="wrong_password"))
    scene.cursors.enter(event(4, "of_tomorrow!"))
    await scene.work()
    assert [json.loads(body)["type"] for body in scene.sender.to("crm")] == taken


def test_every_event_that_the_trail_keeps_has_a_type() -> None:
    kept = {name for name in Name if any(is_kept(Event(name, outcome)) for outcome in Outcome)}
    assert kept >= set(Name) - {Name.LIMITED, Name.REFUSED, Name.RENEWED}
    assert set(messages.TYPES) == kept - {Name.LIMITED, Name.REFUSED}  # a refusal is never kept, and of limits that:
    assert [reason for name, reason in messages.OF_REASONS if name == Name.LIMITED] == [Reason.LIMITS_CLEARED]


def test_a_list_of_events_is_judged_by_the_types_that_there_are() -> None:
    assert messages.is_known("user.created")
    assert messages.is_known("user.*")
    assert not messages.is_known("user.create")
    assert not messages.is_known("people.*")


async def test_many_events_are_filed_in_several_steps_and_all_sent(scene: Scene) -> None:
    for number in range(READ_AT_ONCE + 10):
        scene.cursors.enter(event(number))
    await scene.work()
    assert len(scene.deliveries.rows) == READ_AT_ONCE + 10
    for _ in range(READ_AT_ONCE):
        await scene.work()
    assert len({headers["webhook-id"] for _, headers, _ in scene.sender.sent}) == READ_AT_ONCE + 10


async def test_of_two_instances_that_read_the_same_events_one_files_them(scene: Scene) -> None:
    scene.cursors.enter(event())
    (first,) = await scene.cursors.unread(["crm"], 10)
    (second,) = await scene.cursors.unread(["crm"], 10)
    for unread in (first, second):
        await scene.cursors.advance(unread, unread.events[-1].position, scene.worker._deliveries(endpoint(), unread))
    assert len(scene.deliveries.rows) == 1


# --- signatures


def secret_of(key: bytes) -> str:
    return f"whsec_{base64.b64encode(key).decode()}"


async def test_each_secret_verifies_what_was_signed_with_both() -> None:
    body = messages.body_of(event())
    headers = messages.headers_of(ADA, body, [KEY, OLD_KEY], datetime.now(UTC))
    for key in (KEY, OLD_KEY):
        assert Webhook(secret_of(key)).verify(body, headers) == json.loads(body)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret_of(b"x" * 32)).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret_of(KEY)).verify(body.replace("created", "deleted"), headers)


async def test_each_attempt_is_signed_with_its_own_time_and_the_same_id(scene: Scene) -> None:
    scene.sender.answers["crm"] = 500
    scene.cursors.enter(event())
    await scene.work()
    await scene.work(seconds=5)
    (_, first, body), (_, second, again) = scene.sender.sent
    assert first["webhook-id"] == second["webhook-id"]
    assert body == again
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 5
    assert first["webhook-signature"] != second["webhook-signature"]


# --- attempts


@pytest.mark.parametrize("status", [100, 199, 300, 301, 307, 400, 404, 410, 429, 500, 503])
async def test_what_is_no_success_is_tried_again(scene: Scene, status: int) -> None:
    scene.sender.answers["crm"] = status
    scene.cursors.enter(event())
    await scene.work()
    assert (scene.only.status, scene.only.last_reply) == (DeliveryStatus.WAITING, str(status))
    scene.sender.answers["crm"] = 202
    await scene.work(seconds=4)
    assert len(scene.sender.sent) == 1
    await scene.work(seconds=1)
    assert scene.only.status == DeliveryStatus.DELIVERED


async def test_the_published_schedule_is_kept_and_then_it_is_given_up(scene: Scene) -> None:
    assert [pause.total_seconds() for pause in PAUSES] == PUBLISHED
    scene.sender.answers["crm"] = NoAnswerError("no answer within 5 s")
    scene.cursors.enter(event())
    await scene.work()
    for number, pause in enumerate(PAUSES, start=1):
        scene.worker = scene.make_worker()  # over restarts
        await scene.work(seconds=pause.total_seconds() - 1)
        assert len(scene.sender.sent) == number
        assert scene.only.status == DeliveryStatus.WAITING
        await scene.work(seconds=1)
        assert len(scene.sender.sent) == number + 1
    assert scene.only.status == DeliveryStatus.FAILED
    assert scene.only.last_reply == "no answer within 5 s"
    await scene.work(days=30)
    assert len(scene.sender.sent) == len(PAUSES) + 1
    counts = scene.attempts.outcomes
    assert counts["crm", AttemptOutcome.POSTPONED] == len(PAUSES)
    assert counts["crm", AttemptOutcome.GIVEN_UP] == 1


async def test_what_an_instance_had_claimed_when_it_was_killed_is_sent_after_its_lease(scene: Scene) -> None:
    scene.cursors.enter(event())
    scene.sender.answers["crm"] = None
    await scene.worker.look()
    await asyncio.sleep(0)
    assert len(scene.sender.sent) == 1
    scene.sender.answers["crm"] = 204
    scene.worker = scene.make_worker()  # of another instance
    await scene.work(seconds=LEASE.total_seconds() - 1)
    assert len(scene.sender.sent) == 1
    await scene.work(seconds=1)
    assert scene.only.status == DeliveryStatus.DELIVERED


async def test_an_endpoint_that_hangs_delays_no_other() -> None:
    scene = Scene(endpoint("a-hanging-one"), endpoint("crm"))
    await scene.work()
    scene.sender.answers["a-hanging-one"] = None
    for number in range(20):
        scene.cursors.enter(event(number))
    for _ in range(20):
        await scene.worker.look()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert len(scene.sender.to("crm")) == 20
    assert len(scene.sender.to("a-hanging-one")) == LANES


async def test_a_defect_that_one_delivery_meets_is_left_to_its_lease(scene: Scene) -> None:
    scene.sender.answers["crm"] = ZeroDivisionError()
    scene.cursors.enter(event())
    await scene.work()
    scene.sender.answers["crm"] = 204
    await scene.work(seconds=LEASE.total_seconds())
    assert scene.only.status == DeliveryStatus.DELIVERED


async def test_an_outage_of_the_store_is_waited_for(scene: Scene) -> None:
    scene.cursors.enter(event())
    scene.deliveries.failure = OutageError()
    await scene.work()
    assert scene.sender.sent == []
    scene.deliveries.failure = None
    await scene.work()
    assert len(scene.sender.sent) == 1


async def test_after_a_restore_into_another_server_the_trail_is_numbered_anew(scene: Scene) -> None:
    scene.cursors.of_other_history = True
    scene.cursors.enter(event())
    await scene.work()
    assert len(scene.sender.sent) == 1
    assert not scene.cursors.of_other_history


async def test_at_the_end_what_is_being_sent_has_some_time(scene: Scene) -> None:
    scene.cursors.enter(event())
    running = asyncio.create_task(scene.worker.run_forever())
    await until(lambda: has_sent(scene))
    running.cancel()
    await asyncio.wait([running])
    assert scene.only.status == DeliveryStatus.DELIVERED


async def has_sent(scene: Scene) -> bool:
    return bool(scene.sender.sent)


# --- the operator


async def test_a_retry_goes_through_the_whole_schedule_again(scene: Scene) -> None:
    scene.sender.answers["crm"] = 500
    scene.cursors.enter(event())
    await scene.work()
    for pause in PAUSES:
        await scene.work(seconds=pause.total_seconds())
    assert scene.only.status == DeliveryStatus.FAILED
    run_by("ada@bastion")
    assert await scene.webhooks.retry(scene.only.id)
    await scene.work()
    assert (scene.only.status, scene.only.attempts) == (DeliveryStatus.WAITING, 1)
    assert not await scene.webhooks.retry(ADA)
    assert await scene.webhooks.retry(scene.only.id, "token:deploy")
    assert [(one.name, one.operator) for one in scene.audited] == [
        (Name.WEBHOOKS_RETRIED, "ada@bastion"),
        (Name.WEBHOOKS_RETRIED, "token:deploy"),
    ]


async def test_all_that_was_given_up_for_one_endpoint_is_tried_again() -> None:
    scene = Scene(endpoint("a"), endpoint("b"))
    await scene.work()
    for number in range(3):
        scene.cursors.enter(event(number))
    await scene.work()
    for row in list(scene.deliveries.rows.values()):
        await scene.webhooks.retry(row.listed.id)
        await scene.deliveries.give_up(row.listed.id, "503")
    scene.audited.clear()
    assert await scene.webhooks.retry_failed("a") == 3
    assert await scene.webhooks.retry_failed("a") == 0
    assert len(scene.audited) == 1
    assert {one.endpoint for one in await scene.webhooks.deliveries(10, only_failed=True)} == {"b"}


async def test_a_test_message_is_sent_at_once_and_kept_nowhere(scene: Scene) -> None:
    scene.sender.answers["crm"] = 410
    assert await scene.webhooks.test(endpoint()) == (False, "410")
    scene.sender.answers["crm"] = 200
    assert await scene.webhooks.test(endpoint()) == (True, "200")
    assert json.loads(scene.sender.sent[0][2])["type"] == "webhook.test"
    assert scene.deliveries.rows == {}


async def test_the_age_of_what_waits_is_counted_now_and_then(scene: Scene) -> None:
    scene.sender.answers["crm"] = 500
    scene.cursors.enter(event())
    await scene.work()
    await scene.work(seconds=COUNT_EVERY)
    (state,) = scene.worker.states
    assert (state.endpoint, state.waiting, state.oldest) == ("crm", 1, timedelta(seconds=COUNT_EVERY))


def test_neither_the_url_nor_a_key_is_printed_with_an_endpoint() -> None:
    shown = repr(endpoint())
    assert "hidden" not in shown
    assert str(KEY) not in shown
