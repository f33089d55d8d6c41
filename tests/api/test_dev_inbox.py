"""The inbox of `tokenhouse dev`: for this machine alone, and without a page of it doing anything."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from uuid import UUID

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import make_mocked_request

from service.app import make_app
from service.assembly.application import Application
from service.dev_inbox import pages
from service.domain.mail.models import Kind, Letter, Mail
from service.http.errors import NotFoundError
from service.http.server import HttpServer, listen
from service.pages.build import build
from service.pages.face import PagesFace
from service.pages.rendering import POLICY
from tests.conftest import Client, MakeOnFakes, OnFakes, problem

MAIL = {"url": "inbox:", "sender": "Tokenhouse <accounts@example.com>"}
CODE = {"code": "12345678", "link": "http://127.0.0.1:8080/reset?token=a&b", "minutes": "15"}


@dataclass(frozen=True)
class Dev:
    client: Client
    fakes: OnFakes

    async def send(self, number: int, recipient: str = "ada@example.com", template: str = "reset") -> None:
        self.fakes.ambient.advance(seconds=1)
        courier, now = self.fakes.application.mail.courier, self.fakes.ambient.now()
        assert courier
        mail = Mail(kind=Kind.RESET, recipient=recipient, id=UUID(int=number), created_at=now, attempts=1)
        await courier.deliver(
            mail, Letter(recipient=recipient, template=template, values=CODE if template == "reset" else {})
        )


def looks_of(application: Application) -> PagesFace:
    return build(application, application.settings, has_mail=True)


@pytest.fixture
async def dev(on_fakes: MakeOnFakes) -> AsyncIterator[Dev]:
    fakes = await on_fakes(mail=MAIL)
    application = fakes.application
    app = make_app(
        application,
        application.settings.server,
        add_routes=partial(
            pages.add_routes, inbox=application.backends.inbox, renderings=looks_of(application).renderings
        ),
    )
    runner = HttpServer(app, application.settings.server, application.ambient)
    await runner.setup()
    port = await listen(runner, application.settings.server)
    async with ClientSession(f"http://127.0.0.1:{port}") as session:
        yield Dev(Client(session, port), fakes)
    await runner.cleanup()


async def test_programs_read_the_mails_with_their_codes_and_links(dev: Dev) -> None:
    await dev.send(1)
    await dev.send(2, "Grace@Example.com", "test")
    answer = await dev.client.get("/dev/mails.json")
    assert answer.content_type == "application/json"
    second, first = await answer.json()
    text = first.pop("text")
    assert CODE["code"] in text
    assert CODE["link"] in text
    assert first == {
        "id": str(UUID(int=1)),
        "kind": "reset",
        "subject": "Set a new password",
        "to": "ada@example.com",
        "at": "2026-11-24T12:00:01+00:00",
        "code": CODE["code"],
        "link": CODE["link"],
    }
    assert {"code", "link"} & second.keys() == set()
    (one,) = await (await dev.client.get("/dev/mails.json?to=grace%40example.com")).json()
    assert one["to"] == "Grace@Example.com"
    assert await (await dev.client.get("/dev/mails.json?to=nobody%40example.com")).json() == []


async def test_the_page_shows_each_mail_and_its_html_in_a_sandbox(dev: Dev) -> None:
    assert "There is none yet." in await (await dev.client.get("/dev/mails")).text()
    await dev.send(1)
    answer = await dev.client.get("/dev/mails")
    text = await answer.text()
    assert answer.content_type == "text/html"
    assert CODE["code"] in text
    assert "token=a&amp;b" in text
    assert f'<iframe sandbox loading="lazy" src="/dev/mails/{UUID(int=1)}"' in text
    policy = answer.headers["Content-Security-Policy"]
    assert policy == f"{POLICY}; frame-src 'self'"
    assert "unsafe" not in policy


async def test_links_to_this_instance_keep_the_name_that_the_browser_has(dev: Dev) -> None:
    await dev.send(1)
    own = await (await dev.client.get("/dev/mails", Host="localhost:8080")).text()
    assert 'href="/reset?token=a&amp;b"' in own
    of_another_port = await (await dev.client.get("/dev/mails", Host="localhost:1")).text()
    assert 'href="http://127.0.0.1:8080/reset?token=a&amp;b"' in of_another_port


async def test_a_mail_s_own_html_can_do_nothing(dev: Dev) -> None:
    await dev.send(1)
    answer = await dev.client.get(f"/dev/mails/{UUID(int=1)}")
    assert answer.content_type == "text/html"
    assert CODE["code"] in await answer.text()
    policy = answer.headers["Content-Security-Policy"]
    assert policy == "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
    assert answer.headers.getall("Content-Security-Policy") == [policy]
    for nothing in (str(UUID(int=9)), "x", "%2e%2e"):
        assert (await dev.client.get(f"/dev/mails/{nothing}")).status == 404


async def test_a_mail_that_is_addressed_to_markup_stays_text(dev: Dev) -> None:
    await dev.send(1)
    row = dev.fakes.outbox.rows[UUID(int=1)]
    row.rendered = b"Subject: <script>alert(1)</script>\r\n\r\n<b>x</b>{0}{subject}"
    text = await (await dev.client.get("/dev/mails")).text()
    assert "<script>" not in text
    assert "<b>" not in text
    assert (await dev.client.get(f"/dev/mails/{UUID(int=1)}")).status == 200


@pytest.mark.parametrize("path", ["/dev/mails", "/dev/mails.json", f"/dev/mails/{UUID(int=1)}"])
async def test_a_name_that_was_made_to_lead_here_is_refused(dev: Dev, path: str) -> None:
    await dev.send(1)
    for host, status in (("localhost:1", 200), ("127.0.0.1", 200), ("[::1]:80", 200), ("evil.example", 404), ("", 404)):
        answer = await dev.client.get(path, Host=host)
        assert answer.status == status or (host == "" and answer.status == 400), host


async def test_another_machine_is_refused(dev: Dev) -> None:
    handle = pages._for_this_machine(
        pages.InboxPages(dev.fakes.outbox, looks_of(dev.fakes.application).renderings).listing
    )
    request = make_mocked_request("GET", "/dev/mails.json", headers={"Host": "127.0.0.1"})
    for remote in ("192.0.2.7", "", "2001:db8::1"):
        with pytest.raises(NotFoundError):
            await handle(request.clone(remote=remote))
    assert isinstance(await handle(request.clone(remote="127.0.0.1")), web.Response)


@pytest.mark.parametrize("path", ["/dev/mails", "/dev/mails.json", f"/dev/mails/{UUID(int=1)}"])
async def test_other_instances_do_not_have_the_inbox(on_fakes: MakeOnFakes, path: str) -> None:
    fakes = await on_fakes(mail=MAIL)
    answer = await fakes.client.get(path)
    assert answer.status == 404
    assert problem(await answer.text())["code"] == "not_found"


async def test_the_inbox_is_no_part_of_the_api(dev: Dev) -> None:
    assert "/dev/mails" not in await (await dev.client.get("/openapi.json")).text()
