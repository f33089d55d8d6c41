"""What becomes of a mail: sent, sent again, put off, given up; and that one mail never holds up another."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from service.domain.mail import worker as module
from service.domain.mail.delivery import PAUSES, MailOutcome
from service.domain.mail.mails import Mails
from service.domain.mail.models import COUNTED, Kind, Letter, Mail, Wish
from service.domain.mail.ports import PostponedError, RefusedError, UnreachableError
from service.domain.mail.worker import LANES, MailWorker
from service.settings import MailSettings
from tests.support.builders import FakeAmbient
from tests.support.fake_mails import FakeAddressLimit, FakeCourier, FakeOutbox
from tests.support.waiting import until

ADA, GRACE = "ada@example.com", "grace@example.com"
MINUTE = timedelta(minutes=1)
REFUSED = RefusedError("550 5.1.1 <ada@example.com>: no such user")
LATER = PostponedError("451 4.7.1 <ada@example.com>: greylisted")
AWAY = UnreachableError("ConnectionRefusedError")


class StoreAwayError(Exception):
    pass


@dataclass
class Post:
    """A worker and all that it works with."""

    ambient: FakeAmbient = field(default_factory=FakeAmbient)
    courier: FakeCourier = field(default_factory=FakeCourier)
    limit: FakeAddressLimit = field(default_factory=FakeAddressLimit)
    settings: MailSettings = field(default_factory=MailSettings)
    write: Callable[[Mail], Awaitable[Letter | None]] | None = None

    def __post_init__(self) -> None:
        self.outbox = FakeOutbox(self.ambient)
        self.worker = self.another()
        self.mails = Mails(self.outbox, self.ambient, is_configured=True)
        self.mails.on_wish = self.worker.wake

    def another(self) -> MailWorker:
        """The worker of another instance."""
        write = self.write or a_letter
        return MailWorker(
            outbox=self.outbox,
            writers=dict.fromkeys((Kind.VERIFY, Kind.RESET, Kind.EMAIL_CHANGE, Kind.NOTICE), write),
            courier=self.courier,
            limit=self.limit,
            settings=self.settings,
            ambient=self.ambient,
            outages=(StoreAwayError,),
        )

    async def wish(self, recipient: str = ADA, kind: Kind = Kind.RESET) -> None:
        await self.mails.wish(Wish(kind=kind, recipient=recipient))

    async def work(self) -> None:
        """Until nothing is due."""
        while not await self.worker.look() or self.worker._lanes:
            await self.worker.settle()

    async def pass_time(self, span: timedelta) -> None:
        self.ambient.advance(seconds=span.total_seconds())
        await self.work()

    def outcomes(self) -> dict[str, int]:
        return {outcome.value: count for (_, outcome), count in self.worker.delivery.outcomes.items() if count}


async def a_letter(mail: Mail) -> Letter | None:
    return Letter(recipient=mail.recipient, template="reset", values={"code": "1"})


@pytest.fixture
def post() -> Post:
    return Post()


async def test_a_mail_is_sent_once_and_is_gone(post: Post) -> None:
    await post.wish()
    await post.work()
    await post.pass_time(timedelta(days=1))
    assert post.courier.recipients == [ADA]
    assert (post.outbox.rows, post.outcomes()) == ({}, {"sent": 1})


async def test_a_mail_that_is_put_off_is_tried_with_growing_pauses_until_it_is_given_up(post: Post) -> None:
    post.courier.failures[ADA] = LATER
    await post.wish()
    await post.work()
    (row,) = post.outbox.rows.values()
    seen = []
    while row.failed_at is None:
        seen.append(row.due_at - post.ambient.now())
        await post.pass_time(row.due_at - post.ambient.now())
    growing = [30, 120, 600, 1_800, 3_600, 7_200]
    assert [pause.total_seconds() for pause in seen] == [*growing, *[14_400] * 6]
    assert row.failed_at - row.mail.created_at >= MailSettings().give_up
    assert row.last_reply == str(LATER)
    assert post.outcomes() == {"postponed": 12, "given_up": 1}


async def test_a_mail_that_was_put_off_is_sent_when_the_server_takes_it(post: Post) -> None:
    post.courier.failures[ADA] = LATER
    await post.wish()
    await post.work()
    post.courier.failures.clear()
    await post.pass_time(PAUSES[0])
    assert post.courier.recipients == [ADA]
    assert post.outbox.rows == {}


async def test_a_mail_that_is_refused_is_given_up_at_once_and_the_log_names_no_address(post: Post) -> None:
    post.courier.failures[ADA] = REFUSED
    await post.wish()
    with capture_logs() as logged:
        await post.work()
    await post.pass_time(timedelta(days=2))
    (row,) = post.outbox.rows.values()
    assert (row.last_reply, row.mail.attempts, post.outcomes()) == (str(REFUSED), 1, {"refused": 1})
    (line,) = logged
    assert (line["event"], line["reply"]) == ("mail given up", "550 5.1.1")
    assert "ada" not in str(logged)


@pytest.mark.parametrize("failure", [REFUSED, LATER, ValueError("a defect")], ids=["refused", "put off", "defect"])
async def test_bad_mails_at_the_head_hold_nobody_up(post: Post, failure: Exception) -> None:
    post.courier.failures[ADA] = failure
    for _ in range(3 * LANES):
        await post.wish()
    for number in range(5):
        await post.wish(f"good{number}@example.com")
    await post.work()
    assert post.courier.recipients == [f"good{number}@example.com" for number in range(5)]


async def test_a_writer_that_raises_holds_nobody_up_and_is_tried_again(post: Post) -> None:
    async def write(mail: Mail) -> Letter | None:
        if mail.recipient == ADA and mail.attempts == 1:
            raise KeyError("a defect")
        return await a_letter(mail)

    post = Post(write=write)
    for _ in range(LANES + 1):
        await post.wish()
    await post.wish(GRACE)
    with capture_logs() as logged:
        await post.work()
    assert post.courier.recipients == [GRACE]
    assert {(line["event"], line["error"]) for line in logged} == {("mail not written", "KeyError")}
    await post.pass_time(PAUSES[0])
    assert post.courier.recipients == [GRACE] + [ADA] * (LANES + 1)


async def test_what_nobody_can_write_is_left_for_a_newer_version_and_given_up_some_day(post: Post) -> None:
    await post.wish(kind=Kind.OTHER)
    await post.wish(GRACE)
    with capture_logs() as logged:
        await post.work()
    assert post.courier.recipients == [GRACE]
    assert [line["event"] for line in logged] == ["mail of an unknown kind"]
    for _ in range(12):
        await post.pass_time(timedelta(hours=4))
    (row,) = post.outbox.rows.values()
    assert row.failed_at


async def test_where_there_is_nothing_to_say_nothing_is_sent() -> None:
    async def write(_: Mail) -> Letter | None:
        return None

    post = Post(write=write)
    await post.wish()
    await post.work()
    assert (post.courier.recipients, post.outbox.rows, post.outcomes()) == ([], {}, {"nothing": 1})


async def test_a_mail_never_outlives_its_code(post: Post) -> None:
    until_then = post.ambient.now() + 10 * MINUTE

    async def write(mail: Mail) -> Letter | None:
        return Letter(recipient=mail.recipient, template="reset", good_until=until_then)

    post = Post(write=write)
    post.courier.failures[ADA] = LATER
    await post.wish()
    await post.work()
    post.courier.failures.clear()
    await post.pass_time(10 * MINUTE)
    assert (post.courier.recipients, post.outbox.rows) == ([], {})
    assert post.outcomes() == {"postponed": 1, "expired": 1}


# --- a server that takes nothing


async def test_while_the_server_takes_no_mail_none_is_tried_and_no_attempt_counts(post: Post) -> None:
    for recipient in (ADA, GRACE):
        post.courier.failures[recipient] = AWAY
        await post.wish(recipient)
    with capture_logs() as logged:
        for _ in range(50):
            await post.work()
            post.ambient.advance(seconds=7)
    assert [line["event"] for line in logged] == ["the mail server takes no mail"]
    assert {row.mail.attempts for row in post.outbox.rows.values()} == {0}
    post.courier.failures.clear()
    with capture_logs() as logged:
        for _ in range(10):
            await post.pass_time(timedelta(seconds=10))
    assert sorted(post.courier.recipients) == [ADA, GRACE]
    assert [line["event"] for line in logged] == ["the mail server takes mail again"]
    assert [mail.attempts for mail, _ in post.courier.delivered] == [1, 1]


async def test_a_server_that_takes_no_mail_is_asked_ever_more_seldom(post: Post) -> None:
    post.courier.failures[ADA] = AWAY
    await post.wish()
    rests = []
    for _ in range(7):
        await post.work()
        rests.append(post.worker.delivery.rest)
        post.ambient.advance(seconds=rests[-1])
    assert rests == [5, 10, 20, 40, 60, 60, 60]


async def test_lanes_that_fail_together_count_as_one_failure(post: Post) -> None:
    for number in range(LANES):
        post.courier.failures[f"{number}@example.com"] = AWAY
        await post.wish(f"{number}@example.com")
    await post.work()
    assert post.worker.delivery.rest == 5


async def test_mails_that_a_server_never_took_are_given_up_when_they_are_old(post: Post) -> None:
    post.courier.failures[ADA] = AWAY
    await post.wish()
    await post.work()
    await post.pass_time(timedelta(hours=24))
    assert post.outcomes() == {"given_up": 1}


# --- killed, and stores that are away


async def test_killed_after_the_claim_a_mail_is_sent_by_another(post: Post) -> None:
    await post.wish()
    await post.outbox.claim(1, post.worker.delivery.lease)  # and then the instance is gone
    await post.work()
    assert post.courier.recipients == []
    await post.pass_time(post.worker.delivery.lease)
    assert post.courier.recipients == [ADA]


async def test_killed_between_delivery_and_removal_a_mail_is_sent_again_as_the_same(post: Post) -> None:
    await post.wish()
    (mail,) = await post.outbox.claim(1, post.worker.delivery.lease)
    letter = await a_letter(mail)
    assert letter
    await post.courier.deliver(mail, letter)  # and then the instance is gone
    await post.pass_time(post.worker.delivery.lease)
    (first, one), (second, other) = post.courier.delivered
    assert (first.id, first.created_at, one) == (second.id, second.created_at, other)
    assert post.outbox.rows == {}


async def test_an_outage_between_delivery_and_removal_sends_nothing_twice(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: UUID) -> None:
        raise StoreAwayError

    await post.wish()
    with monkeypatch.context() as broken, capture_logs() as logged:
        broken.setattr(post.outbox, "remove", fail)
        await post.work()
    assert [line["event"] for line in logged] == ["mail left to its lease"]
    assert len(post.outbox.rows) == 1
    await post.pass_time(post.worker.delivery.lease)
    assert (post.courier.recipients, post.outbox.rows, post.outcomes()) == ([ADA], {}, {"sent": 1})


async def test_an_outage_of_the_outbox_is_logged_once_and_waited_for(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> list[Mail]:
        raise StoreAwayError

    await post.wish()
    with monkeypatch.context() as broken, capture_logs() as logged:
        broken.setattr(post.outbox, "claim", fail)
        assert await post.worker.look()
        assert await post.worker.look()
    assert [line["event"] for line in logged] == ["mails wait for the store"]
    await post.work()
    assert post.courier.recipients == [ADA]


async def test_an_outage_while_the_outbox_is_counted_claims_no_mail(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise StoreAwayError

    await post.wish()
    with monkeypatch.context() as broken:
        broken.setattr(post.outbox, "state", fail)
        await post.work()
    await post.work()
    assert post.courier.recipients == [ADA]


async def test_a_writer_whose_store_is_away_is_asked_again_and_no_attempt_counts() -> None:
    is_away = True

    async def write(mail: Mail) -> Letter | None:
        if is_away:
            raise StoreAwayError
        return await a_letter(mail)

    post = Post(write=write)
    await post.wish()
    await post.work()
    assert [row.mail.attempts for row in post.outbox.rows.values()] == [0]
    is_away = False
    await post.pass_time(timedelta(seconds=5))
    assert post.courier.recipients == [ADA]
    assert post.limit.charges == [ADA]


# --- the limit on one address


async def test_beyond_its_limit_an_address_gets_nothing_and_nobody_learns_of_it(post: Post) -> None:
    post.limit.full.add(ADA)
    await post.wish()
    await post.wish(GRACE)
    await post.wish(kind=Kind.NOTICE)
    await post.work()
    assert sorted(post.courier.recipients) == [ADA, GRACE]  # a notice is not what a stranger asked for
    assert post.outbox.rows == {}
    assert post.worker.delivery.outcomes[Kind.RESET, MailOutcome.LIMITED] == 1


async def test_a_mail_is_counted_once_however_often_it_is_tried(post: Post) -> None:
    post.courier.failures[ADA] = LATER
    await post.wish()
    await post.work()
    await post.pass_time(PAUSES[0])
    post.courier.failures[ADA] = AWAY
    await post.pass_time(PAUSES[1])
    post.courier.failures.clear()
    await post.pass_time(PAUSES[2])
    assert post.courier.recipients == [ADA]
    assert post.limit.charges == [ADA]


async def test_a_mail_that_found_no_server_is_counted_once(post: Post) -> None:
    post.courier.failures[ADA] = AWAY
    await post.wish()
    for _ in range(5):
        await post.pass_time(MINUTE)
    assert post.limit.charges == []
    post.courier.failures.clear()
    await post.pass_time(MINUTE)
    assert post.limit.charges == [ADA]


async def test_a_mail_for_which_there_was_nothing_to_send_is_not_counted() -> None:
    async def write(mail: Mail) -> Letter | None:
        return await a_letter(mail) if has_account else None

    post, has_account = Post(write=write), False
    for _ in range(5):
        await post.wish()
    await post.work()
    assert (post.limit.charges, post.outcomes()) == ([], {"nothing": 5})
    has_account = True
    await post.wish()
    await post.work()
    assert post.limit.charges == [ADA]


async def test_a_charge_is_given_back_once_though_the_outbox_is_away(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def write(_: Mail) -> Letter | None:
        return None

    async def fail(_: UUID) -> None:
        raise StoreAwayError

    post = Post(write=write)
    assert await post.limit.take(ADA)  # for another mail
    with monkeypatch.context() as away:
        away.setattr(post.outbox, "remove", fail)
        await post.wish()
        await post.work()
    await post.pass_time(timedelta(seconds=5))
    assert (post.outbox.rows, post.limit.charges) == ({}, [ADA])


async def test_a_mail_that_was_counted_when_it_was_asked_for_is_not_counted_again(post: Post) -> None:
    post.limit.full.add(ADA)
    await post.mails.wish(Wish(kind=Kind.RESET, recipient=ADA, facts={COUNTED: "yes"}))
    await post.work()
    assert (post.courier.recipients, post.limit.charges) == ([ADA], [])


async def test_without_an_answer_of_the_limit_the_mail_waits(post: Post) -> None:
    post.limit.failure = StoreAwayError()
    await post.wish()
    await post.work()
    assert post.courier.recipients == []
    post.limit.failure = None
    await post.pass_time(timedelta(seconds=5))
    assert (post.courier.recipients, post.limit.charges) == ([ADA], [ADA])


# --- lanes, and the life of the worker


class HangingCourier(FakeCourier):
    """Hangs with some addresses until it is let go."""

    def __init__(self, *hanging: str) -> None:
        super().__init__()
        self.hanging = set(hanging)
        self.go = asyncio.Event()
        self.begun: list[str] = []

    async def deliver(self, mail: Mail, letter: Letter) -> str:
        self.begun.append(letter.recipient)
        if letter.recipient in self.hanging:
            await self.go.wait()
        return await super().deliver(mail, letter)


async def test_a_delivery_that_hangs_holds_up_no_other_and_no_wish() -> None:
    courier = HangingCourier(ADA)
    post = Post(courier=courier)
    await post.wish()
    running = asyncio.create_task(post.worker.run_forever())
    await until(lambda: is_true(courier.begun == [ADA]))
    for number in range(20):
        await post.wish(f"good{number}@example.com")
    await until(lambda: is_true(len(courier.recipients) == 20))
    assert ADA not in courier.recipients
    courier.go.set()
    await until(lambda: is_true(ADA in courier.recipients))
    running.cancel()
    await asyncio.wait([running])


async def test_a_delivery_longer_than_its_time_is_put_off_within_its_lease() -> None:
    post = Post(courier=HangingCourier(ADA), settings=MailSettings.model_validate({"timeout": "1ms"}))
    await post.wish()
    await post.work()
    (row,) = post.outbox.rows.values()
    assert (row.last_reply, row.mail.attempts) == ("the delivery took too long", 1)
    assert post.worker.delivery.lease > 6 * post.settings.timeout


async def test_no_more_mails_are_claimed_than_can_be_sent_at_once() -> None:
    courier = HangingCourier(ADA)
    post = Post(courier=courier)
    for _ in range(LANES + 3):
        await post.wish()
    assert not await post.worker.look()
    assert not await post.worker.look()
    assert sorted(row.mail.attempts for row in post.outbox.rows.values()) == [0] * 3 + [1] * LANES
    courier.go.set()
    await post.work()
    assert len(courier.recipients) == LANES + 3


async def test_a_wish_wakes_the_worker_of_its_instance(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY", 3_600.0)
    running = asyncio.create_task(post.worker.run_forever())
    await asyncio.sleep(0)
    await post.wish()
    await until(lambda: is_true(post.courier.recipients == [ADA]))
    running.cancel()
    await asyncio.wait([running])


async def test_what_another_instance_filed_is_found_without_a_wish(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY", 0.001)
    post.mails.on_wish = lambda: None  # in this process
    running = asyncio.create_task(post.worker.run_forever())
    await asyncio.sleep(0)
    await post.wish()
    await until(lambda: is_true(post.courier.recipients == [ADA]))
    running.cancel()
    await asyncio.wait([running])


async def test_at_its_end_the_worker_finishes_what_is_being_sent_and_closes_its_connections() -> None:
    courier = HangingCourier(ADA)
    post = Post(courier=courier)
    await post.wish()
    running = asyncio.create_task(post.worker.run_forever())
    await until(lambda: is_true(courier.begun == [ADA]))
    running.cancel()
    for _ in range(20):  # turns of the loop, until the end has begun
        await asyncio.sleep(0)
    courier.go.set()
    await asyncio.wait([running])
    assert running.cancelled()
    assert (courier.recipients, post.outbox.rows) == ([ADA], {})
    assert courier.rests


async def test_at_its_end_the_worker_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.01)
    courier = HangingCourier(ADA)
    post = Post(courier=courier)
    await post.wish()
    running = asyncio.create_task(post.worker.run_forever())
    await until(lambda: is_true(courier.begun))
    running.cancel()
    await asyncio.wait([running])
    (row,) = post.outbox.rows.values()
    assert row.last_reply == ""  # its lease ends, and another instance sends it


async def test_at_its_end_the_worker_does_not_wait_for_a_farewell(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clinging(FakeCourier):
        async def rest(self) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr(module, "PATIENCE", 0.01)
    running = asyncio.create_task(Post(courier=Clinging()).worker.run_forever())
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()


async def test_connections_are_closed_when_nothing_is_due(post: Post) -> None:
    await post.wish()
    await post.work()
    assert post.courier.rests == 1


async def test_the_outbox_is_counted_now_and_then(post: Post) -> None:
    post.courier.failures[ADA] = LATER
    await post.wish()
    await post.work()
    await post.pass_time(timedelta(seconds=15))
    state = post.worker.state
    assert state
    assert (state.waiting, state.oldest) == (1, timedelta(seconds=15))


async def is_true(value: object) -> bool:
    return bool(value)
