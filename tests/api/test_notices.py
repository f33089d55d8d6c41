"""Who is told of what: where it is decided, at the address of the account, and never at the price of the answer."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from service.domain.mail.models import Kind, Mail
from service.domain.mail.notices import Notice
from service.domain.mail.worker import LANES
from tests.conftest import ROOT, MakeOnFakes, OnFakes, bearer
from tests.support.builders import PASSWORD
from tests.support.mail_servers import HANGS, scripted
from tests.support.postbox import prove
from tests.support.waiting import until

MAIL = {"url": "inbox:", "sender": "Tokenhouse <accounts@example.com>"}
ROTATING = {"refresh_rotation": True, "refresh_grace": "0s"}
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0 <b>Click me</b>"


@pytest.fixture
async def posted(on_fakes: MakeOnFakes) -> OnFakes:
    return await on_fakes(mail=MAIL, tokens=ROTATING)


def waiting(fakes: OnFakes) -> list[Mail]:
    """The notices among the mails; a sign-up files another one."""
    return [row.mail for row in fakes.outbox.rows.values() if row.mail.kind is Kind.NOTICE]


def told(fakes: OnFakes) -> list[str]:
    return [mail.facts["what"] for mail in waiting(fakes)]


async def sign_up(fakes: OnFakes) -> dict[str, Any]:
    """A member whose address is proved."""
    person = await fakes.client.sign_up()
    prove(fakes.users, person)
    return person


async def change_password(fakes: OnFakes, tokens: dict[str, Any], current: str = PASSWORD) -> int:
    body = {"currentPassword": current, "newPassword": "AnotherPass2!"}
    return (await fakes.client.post("/auth/password", body, **bearer(tokens), **{"User-Agent": FIREFOX})).status


async def test_a_new_password_is_told_of_with_the_network_and_the_program(posted: OnFakes) -> None:
    person = await sign_up(posted)
    tokens = await posted.client.log_in(person)
    assert await change_password(posted, tokens, "WrongPass1!") == 401
    assert told(posted) == []
    assert await change_password(posted, tokens) == 200
    (mail,) = waiting(posted)
    assert (mail.recipient, str(mail.user_id)) == (person["email"], person["userId"])
    assert dict(mail.facts) == {
        "what": "password_changed",
        "at": posted.ambient.now().isoformat(timespec="seconds"),
        "network": "127.0.0.0/24",
        "agent": "Firefox on Linux",
    }


async def test_nobody_is_told_of_anything_at_an_address_that_nobody_has_proved(posted: OnFakes) -> None:
    person = await posted.client.sign_up()
    stolen = await posted.client.log_in(person)
    await posted.client.refresh(stolen)
    posted.ambient.advance(seconds=1)
    assert (await posted.client.refresh(stolen)).status == 401
    tokens = await posted.client.log_in(person)
    assert (await posted.client.post("/auth/api-key", {}, **bearer(tokens))).status == 200
    assert await change_password(posted, tokens) == 200
    await posted.application.accounts.end_sessions(person["email"])
    assert told(posted) == []


async def test_a_recipient_besides_the_account_is_told_of_it_in_any_case(posted: OnFakes) -> None:
    person = await posted.client.sign_up()
    user = posted.users.rows[UUID(person["userId"])]
    notices = posted.application.accounts.notices
    await notices.tell(user, Notice.EMAIL_CHANGED, recipient="before@example.com")
    await notices.tell(user, Notice.BY_OPERATOR, recipient=user.email)
    assert [(mail.facts["what"], mail.recipient) for mail in waiting(posted)] == [
        ("email_changed", "before@example.com")
    ]


async def test_what_proves_an_address_is_told_to_it(posted: OnFakes) -> None:
    """The account as it was read before the proof."""
    user = posted.users.rows[UUID((await posted.client.sign_up())["userId"])]
    for what in (Notice.PASSWORD_RESET, Notice.EMAIL_CHANGED):
        await posted.application.accounts.notices.tell(user, what)
    assert told(posted) == ["password_reset", "email_changed"]


async def test_a_new_api_key_is_told_of(posted: OnFakes) -> None:
    tokens = await posted.client.log_in(await sign_up(posted))
    assert (await posted.client.post("/auth/api-key", {}, **bearer(tokens))).status == 200
    assert told(posted) == ["api_key_replaced"]


async def test_a_named_api_key_is_told_of_when_it_is_made_and_not_when_it_is_refused(posted: OnFakes) -> None:
    person = await sign_up(posted)
    tokens = await posted.client.log_in(person)
    for seconds, status in ((1, 422), (3_600, 201)):
        body = {"name": "Build server", "expiresIn": seconds}
        assert (await posted.client.post("/auth/api-keys", body, **bearer(tokens))).status == status
    (mail,) = waiting(posted)
    assert (mail.facts["what"], mail.recipient) == ("api_key_created", person["email"])
    assert mail.facts["network"] == "127.0.0.0/24"
    assert "Build" not in str(mail)


async def test_a_closed_account_is_told_of_by_a_mail_that_does_not_go_with_it(posted: OnFakes) -> None:
    person = await sign_up(posted)
    tokens = await posted.client.log_in(person)
    answer = await posted.client.http.delete("/auth/me", json={"password": PASSWORD}, headers=bearer(tokens))
    assert answer.status in (200, 204)
    (mail,) = waiting(posted)
    assert (mail.facts["what"], mail.recipient, mail.user_id) == ("account_closed", person["email"], None)


async def test_a_refresh_token_that_is_used_twice_is_told_of_whichever_it_is(posted: OnFakes) -> None:
    for steps in (1, 3):  # the token before, and an older one
        posted.outbox.rows.clear()
        first = await posted.client.log_in(await sign_up(posted))
        tokens = first
        for _ in range(steps):
            posted.ambient.advance(seconds=1)
            answer = await posted.client.refresh(tokens)
            assert answer.status == 200
            tokens = await answer.json()
        posted.ambient.advance(seconds=1)
        assert (await posted.client.refresh(first)).status == 401
        assert told(posted) == ["token_reused"]
        assert waiting(posted)[0].facts["network"] == "127.0.0.0/24"
        assert (await posted.client.refresh(first)).status == 401  # the session is over
        assert told(posted) == ["token_reused"]


async def test_what_an_operator_does_is_told_of_without_a_network(posted: OnFakes) -> None:
    person = await sign_up(posted)
    accounts = posted.application.accounts
    await accounts.end_sessions(person["email"])
    await accounts.disable(person["email"])
    await accounts.enable(person["email"])
    assert told(posted) == ["by_operator"] * 3
    assert all("network" not in mail.facts for mail in waiting(posted))
    for act in (accounts.end_sessions, accounts.disable, accounts.enable):
        await act("nobody@example.com")
    assert len(waiting(posted)) == 3


async def everything(fakes: OnFakes) -> list[int]:
    """The statuses of all calls that tell somebody of something."""
    client, person = fakes.client, await sign_up(fakes)
    stolen = await client.log_in(person)
    await client.refresh(stolen)
    fakes.ambient.advance(seconds=1)
    statuses = [(await client.refresh(stolen)).status]
    tokens = await client.log_in(person)
    statuses.append((await client.post("/auth/api-key", {}, **bearer(tokens))).status)
    statuses.append((await client.post("/auth/api-keys", {"name": "One"}, **bearer(tokens))).status)
    statuses.append(await change_password(fakes, tokens))
    closed = await client.http.delete("/auth/me", json={"password": "AnotherPass2!"}, headers=bearer(tokens))
    return [*statuses, closed.status]


async def test_an_outage_costs_the_notice_and_not_the_answer(posted: OnFakes, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise ConnectionError

    usual = await everything(posted)
    monkeypatch.setattr(posted.outbox, "add", fail)
    with capture_logs() as logged:
        assert await everything(posted) == usual
    lost = [line["what"] for line in logged if line["event"] == "notice lost"]
    assert lost == ["token_reused", "api_key_replaced", "api_key_created", "password_changed", "account_closed"]
    assert "@" not in str([line for line in logged if line["event"] == "notice lost"])


async def test_without_mail_nobody_is_told_and_no_store_is_asked_more(
    on_fakes: MakeOnFakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes = await on_fakes(tokens=ROTATING)
    asked: list[object] = []
    by_id = fakes.users.by_id

    async def counted(user_id: Any) -> Any:
        asked.append(user_id)
        return await by_id(user_id)

    person = await sign_up(fakes)
    stolen = await fakes.client.log_in(person)
    await fakes.client.refresh(stolen)
    fakes.ambient.advance(seconds=1)
    monkeypatch.setattr(fakes.users, "by_id", counted)
    assert (await fakes.client.refresh(stolen)).status == 401
    assert asked == []
    await everything(fakes)
    assert fakes.outbox.rows == {}
    assert fakes.application.mail_worker is None


async def test_no_call_waits_for_a_mail_server_that_hangs(on_fakes: MakeOnFakes) -> None:
    usual = await everything(await on_fakes(tokens=ROTATING))
    async with scripted({"HI": HANGS}) as port:
        fakes = await on_fakes(mail=MAIL | {"url": f"smtp://127.0.0.1:{port}", "timeout": "1h"}, tokens=ROTATING)
        worker = fakes.application.mail_worker
        assert worker
        working = asyncio.create_task(worker.run_forever())
        assert await everything(fakes) == usual

        async def all_hang() -> bool:
            return len(worker._lanes) == LANES

        await until(all_hang)
        assert [row.mail.attempts for row in fakes.outbox.rows.values()].count(1) == LANES  # and they hang
        assert not working.done()
        for lane in worker._lanes:
            lane.cancel()
        working.cancel()
        await asyncio.wait([working])


def test_nothing_but_the_worker_and_its_command_asks_a_courier_for_anything() -> None:
    files = [file for file in (ROOT / "service").rglob("*.py") if ".deliver(" in file.read_text(encoding="utf-8")]
    assert {file.relative_to(ROOT / "service").as_posix() for file in files} == {
        "commands/mail.py",
        "domain/mail/delivery.py",
        "domain/webhooks/attempts.py",  # its `deliver` is of a webhook
    }


async def test_a_notice_becomes_a_mail(posted: OnFakes) -> None:
    tokens = await posted.client.log_in(await sign_up(posted))
    assert await change_password(posted, tokens) == 200
    worker = posted.application.mail_worker
    assert worker
    await worker.look()
    await worker.settle()
    (kept,) = [mail for mail in await posted.outbox.kept(10) if mail.kind is Kind.NOTICE]
    assert b"The password of your account was changed." in kept.rendered
    assert b"Click me" not in kept.rendered
