"""What people do, in a real browser: with and without scripts, by keyboard alone, in light and in dark."""

import time
from typing import Any

import pytest

from tests.browser.recipes import Stage
from tests.support.browsers import OpenWindow
from tests.support.builders import sign_up_body
from tests.support.dev_instances import Served

pytestmark = pytest.mark.asyncio(loop_scope="session")
WAYS: dict[str, dict[str, Any]] = {
    "light": {"scheme": "light"},
    "dark": {"scheme": "dark"},
    "without scripts": {"scripts": False},
    "by keyboard alone": {"scripts": False, "by_keyboard": True},
}


@pytest.mark.parametrize("way", WAYS)
async def test_from_the_sign_up_to_the_end_of_another_session(served: Served, window: OpenWindow, way: str) -> None:
    person = sign_up_body()
    here = await window(**WAYS[way])
    await here.open("/")
    await here.press("Create an account")
    names = ("email", "firstName", "lastName", "password")
    await here.fill(**{name: str(person[name]) for name in names})
    await here.press("Create the account")
    assert here.path == "/account"
    await here.see(str(person["email"]))
    await here.press("Sign out")
    assert here.path == "/sign-in"
    app = Stage(served, here).enrol(person)
    await here.fill(email=str(person["email"]), password=str(person["password"]))
    await here.press("Sign in")
    assert here.path == "/sign-in/code"
    await here.fill(code=app.at(_next_step(app)))
    await here.press("Continue")
    assert here.path == "/account"
    await here.open("/account/sessions")
    rows = here.page.locator(".rows li")
    before = await rows.count()
    assert before > 1  # that of the API, which set the app up, is there too
    await here.press("End the session of Python")
    assert here.path == "/account/sessions"
    assert await rows.count() == before - 1
    await here.see("this browser")


def _next_step(app: Any) -> int:
    """That of now was used when the app was set up; the next one is near enough to be good."""
    return int(time.time()) + int(app.interval)


async def test_a_wrong_password_is_said_beside_the_form(served: Served, window: OpenWindow) -> None:
    person = served.member()
    here = await window(scripts=False)
    await here.open("/sign-in?next=/account/sessions")
    await here.fill(email=person["email"], password="Wrong-Pass1!")
    await here.press("Sign in")
    await here.see("The e-mail address or the password is wrong.")
    assert await here.page.input_value("#email") == person["email"]
    assert await here.page.input_value("#password") == ""
    await here.fill(password=person["password"])
    await here.press("Sign in")
    assert here.path == "/account/sessions"


async def test_the_cookie_is_kept_and_out_of_reach_of_scripts(served: Served, window: OpenWindow) -> None:
    stage = Stage(served, await window())
    await stage.member()
    (cookie,) = await stage.window.page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/")
    assert await stage.window.page.evaluate("document.cookie") == ""


async def test_a_form_of_another_port_of_this_host_does_nothing(served: Served, window: OpenWindow) -> None:
    """Which gets all of our cookies, whatever `SameSite` says."""
    stage = Stage(served, await window())
    await stage.member()
    page = stage.window.page
    other = f"http://localhost:{served.port + 1 if served.port < 65535 else served.port - 1}/"
    form = f'<form method="post" action="{served.base}/account/sign-out"><button>Win</button></form>'
    await page.route(other, lambda route: route.fulfill(body=form, content_type="text/html"))
    await page.goto(other)
    async with page.expect_navigation() as answered:
        await page.get_by_role("button").click()
    answer = await answered.value
    assert answer is not None
    assert answer.status == 403
    stage.window.requests.remove(other)
    await stage.window.open("/account")
    assert stage.window.path == "/account"


async def test_a_mail_in_the_inbox_can_do_nothing(served: Served, window: OpenWindow) -> None:
    person = served.member()
    here = await window()
    for _ in range(100):  # until the worker has written it
        await here.open("/dev/mails")
        if person["email"] in await here.page.inner_text("main"):
            break
    mail = here.page.locator("article", has_text=person["email"])
    await mail.get_by_text("HTML", exact=True).click()
    frame = mail.frame_locator("iframe")
    assert await frame.locator("body").inner_text()
    assert await mail.locator("iframe").get_attribute("sandbox") == ""
