"""What pages say when something is full, down or wrong."""

from typing import Any

import pytest

from service.errors import UnavailableError
from service.settings import ServerSettings
from tests.conftest import MakeOnFakes
from tests.pages.conftest import MakeTown
from tests.support.overloads import overloaded, post
from tests.support.page_recipes import FORMS, PAGES, path_of
from tests.support.pages import NAVIGATION, ORIGIN, Town, everything

LAST = b"Connection: close\r\nSec-Fetch-Site: same-origin\r\n"
HASHING = [one.path for one in FORMS if one.action.hashes]


def test_the_forms_that_hash_are_those_with_a_password() -> None:
    assert {"/sign-in", "/sign-up", "/reset", "/email/undo"} <= set(HASHING)


@pytest.mark.parametrize("path", [one for one in HASHING if "{" not in one])
async def test_a_full_queue_refuses_a_form_before_it_is_read(on_fakes: MakeOnFakes, path: str) -> None:
    fakes = await on_fakes(pages={"enabled": True}, passwords={"workers": 1, "engine": "wheel", "max_wait": "1ms"})
    async with overloaded(fakes.application, ServerSettings(port=0)) as full:
        body = b"email=a%40b.example&password=x&newPassword=Another-Pass2%21"
        request = post(path, LAST, body).replace(b"application/json", b"application/x-www-form-urlencoded")
        head, _, text = (await full.ask(request)).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"Content-Type: text/html; charset=utf-8" in head
        assert b"Retry-After: " in head
        assert b"Content-Security-Policy: default-src 'none'" in head
        assert b"Many people are signing in" in text
        assert full.seen == []  # the application never saw it
        # with a query it goes on to the application, which says so too
        head, _, text = (await full.ask(request.replace(path.encode(), f"{path}?x=1".encode(), 1))).partition(
            b"\r\n\r\n"
        )
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"Many people are signing in" in text


@pytest.fixture
async def down(town: Town, monkeypatch: pytest.MonkeyPatch) -> Town:
    """Signed in, and then nothing answers any more."""
    await town.member()

    async def fail(*_: Any, **__: Any) -> None:
        raise UnavailableError("ConnectionError")

    sessions = town.fakes.application.page_sessions.refresh_sessions
    for name in ("find", "use", "open"):
        monkeypatch.setattr(type(sessions), name, fail)
    for name in ("by_email", "by_id"):
        monkeypatch.setattr(type(town.fakes.users), name, fail)
    return town


@pytest.mark.parametrize("page", PAGES, ids=lambda one: one.path)
async def test_a_page_says_that_something_is_down(down: Town, page: Any) -> None:
    shown = await down.browser.get(path_of(page.path))
    assert (shown.status, shown.headers["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert "Something is down" in shown.main
    assert shown.headers["Retry-After"]
    assert "Set-Cookie" not in shown.headers  # nobody is signed out by an outage


@pytest.mark.parametrize("form", FORMS, ids=lambda one: one.path)
async def test_so_does_a_form(down: Town, form: Any) -> None:
    before = await everything(down.fakes)
    shown = await down.browser.post(path_of(form.path), form.fields)
    assert shown.status == 503
    assert await everything(down.fakes) == before
    assert "Set-Cookie" not in shown.headers


async def test_a_form_of_somebody_who_is_not_signed_in_is_shown_again(down: Town) -> None:
    browser = down.another()
    shown = await browser.submit(
        await browser.get("/sign-in"), "/sign-in", email="ada@example.com", password="SecurePass1!"
    )
    assert shown.status == 503
    assert shown.page.inputs["email"]["value"] == "ada@example.com"
    assert "SecurePass1!" not in shown.text


async def test_a_defect_shows_its_number_alone(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    await town.member()

    async def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(type(town.fakes.users), "set_names", fail)
    shown = await town.browser.post("/account/names", {"firstName": "E", "lastName": "F"})
    assert shown.status == 500
    assert shown.headers["X-Request-Id"] in shown.main
    assert "secret detail" not in shown.text
    assert "RuntimeError" not in shown.text


async def test_a_wrong_clock_refuses_pages_and_forms(town: Town) -> None:
    await town.member()
    object.__setattr__(town.fakes.application, "clock", _Wrong(town.fakes.application.clock))
    for shown in (
        await town.browser.get("/account"),
        await town.browser.post("/account/sign-out"),
        await town.another().post("/sign-in", {"email": "a@b.example", "password": "x"}),
    ):
        assert (shown.status, shown.headers["Content-Type"]) == (503, "text/html; charset=utf-8")


class _Wrong:
    is_right = False

    def __init__(self, _: object) -> None: ...

    def require_right(self) -> None:
        raise UnavailableError("the clock is wrong")


async def test_names_of_other_people_in_a_form_change_nobody(make_town: MakeTown) -> None:
    """Fields that a form does not have are left unread."""
    town = await make_town()
    person = await town.member()
    fields = {"firstName": "Eve", "lastName": "X", "userId": "1", "email": "eve@example.com", "groups": "admins"}
    shown = await town.browser.send(
        "POST", "/account/names", NAVIGATION | {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}, fields
    )
    assert shown.goes_to == "/account"
    (user,) = town.fakes.users.rows.values()
    assert (user.first_name, user.email, user.groups) == ("Eve", person["email"], ())
