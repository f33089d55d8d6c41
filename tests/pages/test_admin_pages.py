"""The pages of admins: for them alone, as they are at each request; what is done names them; nothing secret is shown."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from aiohttp import ClientResponse
from structlog.testing import capture_logs

from service.admin.routes import ADMIN_OPERATIONS
from service.domain.administration.models import StoreFinding
from service.domain.events.audit_trail import Entry
from service.domain.events.security_events import Event, Name, Outcome, Reason
from service.domain.mail.models import OutboxState
from service.domain.second_factors.models import Proof
from service.domain.webhooks.models import EndpointState
from service.pages.admin import charts
from service.pages.admin.routes import ADMIN_PAGES
from service.pages.routes import ALL
from tests.conftest import MakeOnFakes, OnFakes, bearer
from tests.support import second_factors as second
from tests.support.builders import NOON, PASSWORD
from tests.support.page_browsers import OWN, PageBrowser, signed_in, words_of
from tests.support.postbox import MAIL, Postbox, prove

ON = {"enabled": True}
OPERATOR = "grace@bastion"
PATHS = [page.path for page in ADMIN_PAGES]
FORMS = [f"{page.path}{suffix}" for page in ADMIN_PAGES for suffix in page.forms]
PERSON = "/admin/people/{userId}"
IDS = ("00000000-0000-4000-8000-000000000000", "x", "%00", "..%2Fkeys")  # of nobody
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class House:
    """The service with pages, an admin, and Bob: whom the pages are about."""

    fakes: OnFakes
    admin: dict[str, Any]
    app: second.App
    bob: dict[str, Any]
    ada: PageBrowser  # of the admin

    @property
    def by(self) -> str:
        return f"user:{self.admin['userId']}"

    def path(self, path: str) -> str:
        return path.replace("{userId}", self.bob["userId"])

    def form(self, path: str) -> dict[str, str]:
        return {"session": self.bob["sessionId"]} if path.endswith("/end-session") else {}

    def user(self, person: Mapping[str, Any]) -> UUID:
        return UUID(person["userId"])

    async def events(self) -> list[tuple[str, str, str, str]]:
        """Name, reason, operator and user of the trail, the oldest first."""
        return [
            (one.event.name.value, str(one.event.reason), one.event.operator, str(one.event.user_id))
            for one in await self.entries()
        ]

    async def entries(self) -> list[Entry]:
        await self.fakes.application.audit.write()
        rows: dict[Any, Entry] = self.fakes.application.audit.trail.rows  # type: ignore[attr-defined] # the fake's own
        return list(rows.values())

    async def everything(self) -> object:
        """All that is stored, but for when a session was used last and for what limits count."""
        keys = [key for key in await self.fakes.redis.keys() if b"limit" not in key and b"rate" not in key]
        held: dict[bytes | str, object] = {}
        for key in sorted(keys):
            kind = await self.fakes.redis.type(key)
            if kind == b"hash":
                held[key] = sorted((await self.fakes.redis.hgetall(key)).items())
            elif kind == b"string":
                held[key] = await self.fakes.redis.get(key)
        admins = await self.fakes.application.admins.all()
        mails = list(self.fakes.outbox.rows)
        return (
            dict(self.fakes.users.rows),
            held,
            await self.entries(),
            list(admins),
            mails,
            dict(self.fakes.revocations.rows),
        )


async def with_factor(fakes: OnFakes, person: dict[str, Any]) -> second.App:
    return await second.enrol(fakes.client, person, await fakes.client.log_in(person), fakes.ambient.now(), -1)


async def browser_of(house: House, person: Mapping[str, Any], app: second.App | None = None) -> PageBrowser:
    """Of somebody who signs in now, with a code of the app."""
    house.fakes.ambient.advance(seconds=30)
    proof = Proof(app.code(house.fakes.ambient.now())) if app else Proof()
    return await signed_in(house.fakes, person["email"], proof)


MakeHouse = Callable[..., Awaitable[House]]


@pytest.fixture
def build_house(on_fakes: MakeOnFakes) -> MakeHouse:
    async def build(**sections: dict[str, Any]) -> House:
        fakes = await on_fakes(**{"pages": ON, "mail": MAIL} | sections)
        admin, bob = await fakes.client.sign_up(), await fakes.client.sign_up(email="bob@example.com")
        for person in (admin, bob):
            prove(fakes.users, person)
        app = await with_factor(fakes, admin)
        await with_factor(fakes, bob)
        await fakes.application.admins.grant(fakes.users.rows[UUID(admin["userId"])], OPERATOR)
        house = House(fakes, admin, app, bob, PageBrowser(fakes.client))
        house.ada.cookie = (await browser_of(house, admin, app)).cookie
        sessions = await fakes.application.administration.sessions(house.user(bob))
        bob["sessionId"] = sessions[-1].id
        await Postbox(fakes.application).collect()
        return house

    return build


@pytest.fixture
async def house(build_house: MakeHouse) -> House:
    return await build_house()


# --- who may see them


async def strangers(house: House) -> dict[str, PageBrowser]:
    """Everybody who is no admin."""
    member, revoked, disabled = [await house.fakes.client.sign_up() for _ in range(3)]
    app = await with_factor(house.fakes, revoked)
    found = {
        "anonymous": PageBrowser(house.fakes.client),
        "with a cookie of nothing": PageBrowser(house.fakes.client, "ps_x.y"),
        "a member": await browser_of(house, member),
        "a member with a second factor": await browser_of(house, revoked, app),
    }
    application = house.fakes.application
    for person in (revoked, disabled):
        await application.admins.grant(house.fakes.users.rows[house.user(person)], OPERATOR)
    await application.admins.revoke(house.fakes.users.rows[house.user(revoked)], OPERATOR)
    found["an admin who is disabled"] = await browser_of(house, disabled)
    await application.administration.disable(house.user(disabled), OPERATOR)
    return found


async def test_a_page_is_not_there_for_whoever_is_no_admin(house: House) -> None:
    bodies, browsers = set(), await strangers(house)
    with capture_logs() as logs:
        for path, (name, browser) in product(PATHS, browsers.items()):
            cookie = {"Cookie": f"tokenhouse={browser.cookie}"}
            head = await browser.client.http.head(house.path(path), headers=cookie)
            assert head.status == 404, (name, path)
            bodies.add(await browser.text(house.path(path), 404))
    assert len(bodies) == 1  # nobody learns more than another
    assert "There is nothing here" in bodies.pop()
    assert not [one for one in logs if one["log_level"] in ("error", "critical")]
    assert [(await house.ada.get(house.path(path))).status for path in PATHS] == [200] * len(PATHS)


async def test_a_form_of_somebody_who_is_no_admin_does_nothing(house: House) -> None:
    browsers = await strangers(house)
    before = await house.everything()
    with capture_logs() as logs:
        for path, (name, browser) in product(FORMS, browsers.items()):
            assert (await browser.post(house.path(path), house.form(path))).status == 404, (name, path)
    assert await house.everything() == before
    assert not [one for one in logs if one["log_level"] in ("error", "critical")]


async def without_factor(house: House) -> dict[str, tuple[PageBrowser, str]]:
    """Admins who have not shown a second factor, and what they are told."""
    lacks, later = [await house.fakes.client.sign_up() for _ in range(2)]
    browsers = [await browser_of(house, one) for one in (lacks, later)]
    for person in (lacks, later):
        await house.fakes.application.admins.grant(house.fakes.users.rows[house.user(person)], OPERATOR)
    user = house.fakes.users.rows[house.user(later)]
    house.fakes.users.rows[user.id] = replace(user, second_factor_since=NOON)
    return {
        "has none": (browsers[0], '<a href="/account/factors">'),
        "has not shown it": (browsers[1], "Sign out, and sign in again"),
    }


async def test_an_admin_without_a_second_factor_is_told_what_to_do(house: House) -> None:
    browsers = await without_factor(house)
    for path, (name, (browser, words)) in product(PATHS, browsers.items()):
        text = await browser.text(house.path(path), 403)
        assert words in text, (name, path)
        assert "bob@example.com" not in text


async def test_a_form_of_an_admin_without_a_second_factor_does_nothing(house: House) -> None:
    browsers = await without_factor(house)
    before = await house.everything()
    for path, (name, (browser, words)) in product(FORMS, browsers.items()):
        answer = await browser.post(house.path(path), house.form(path))
        assert (answer.status, words in await answer.text()) == (403, True), (name, path)
    assert await house.everything() == before


async def revoked(house: House) -> None:
    await house.fakes.application.admins.revoke(house.fakes.users.rows[house.user(house.admin)], OPERATOR)


async def disabled(house: House) -> None:
    await house.fakes.application.administration.disable(house.user(house.admin), OPERATOR)


async def without_factors(house: House) -> None:
    await house.fakes.application.administration.remove_factors(house.user(house.admin), OPERATOR)


async def signed_out(house: House) -> None:
    await house.ada.post("/account/sign-out")


async def closed(house: House) -> None:
    await house.fakes.application.administration.delete(house.user(house.admin), OPERATOR)


@pytest.mark.parametrize("how", [revoked, disabled, without_factors, signed_out, closed], ids=lambda how: how.__name__)
async def test_an_admin_who_is_none_any_more_is_out_at_the_next_request(
    house: House, how: Callable[[House], Awaitable[None]]
) -> None:
    assert (await house.ada.get("/admin")).status == 200
    await how(house)
    before = await house.everything()
    assert (await house.ada.get("/admin")).status == 404
    assert (await house.ada.post(house.path(f"{PERSON}/disable"))).status == 404
    assert await house.everything() == before


async def test_a_factor_that_goes_while_the_session_stays_closes_the_pages(house: House) -> None:
    """As its owner removes it: the session goes on."""
    user = house.fakes.users.rows[house.user(house.admin)]
    house.fakes.users.rows[user.id] = replace(user, second_factor_since=None)
    assert "Set one up" in await house.ada.text("/admin", 403)
    assert (await house.ada.get("/account")).status == 200


async def test_the_session_of_an_admin_s_program_opens_no_page(house: House) -> None:
    house.fakes.ambient.advance(seconds=30)
    login = {"email": house.admin["email"], "password": PASSWORD, "code": house.app.code(house.fakes.ambient.now())}
    tokens = await (await house.fakes.client.post("/auth/login", login)).json()
    browser = PageBrowser(house.fakes.client, tokens["refreshToken"])
    assert (await browser.get("/admin")).status == 404
    assert (await house.fakes.client.get("/admin", **bearer(tokens))).status == 404


async def test_only_admins_are_shown_the_way_there(house: House) -> None:
    member = await browser_of(house, await house.fakes.client.sign_up())
    assert 'href="/admin"' not in await member.text("/account")
    assert 'href="/admin"' in await house.ada.text("/account")


async def test_an_admin_who_clicks_without_end_is_slowed_down(build_house: MakeHouse) -> None:
    house = await build_house(throttle={"exempt": [], "session_list": "3/1m"})
    statuses = [(await house.ada.get("/admin/people")).status for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]


# --- their paths


def collide(one: str, other: str) -> bool:
    """Whether some path is of both patterns."""
    pair = one.split("/"), other.split("/")
    return len(pair[0]) == len(pair[1]) and all(a == b or "{" in a + b for a, b in zip(*pair, strict=True))


def test_no_page_has_a_path_of_the_admin_api() -> None:
    pages = [f"{page.path}{suffix}" for page in ALL for suffix in ("", *page.forms)]
    assert not [(one, call.path) for one in pages for call in ADMIN_OPERATIONS if collide(one, call.path)]
    assert collide("/admin/{a}/x", "/admin/users/{b}")
    assert not collide("/admin/{a}", "/admin/users/{b}")


@pytest.mark.parametrize("is_api_on", [False, True])
async def test_pages_and_the_admin_api_may_both_be_on(build_house: MakeHouse, *, is_api_on: bool) -> None:
    house = await build_house(admin={"enabled": is_api_on})
    for path in PATHS:
        assert (await house.ada.get(house.path(path))).content_type == "text/html"
    for call in ADMIN_OPERATIONS:
        path = re.sub(r"{\w+}", "x", house.path(call.path))
        answer = await house.ada.client.http.request(call.method, path, headers=OWN)
        assert (answer.status, answer.content_type) == (401 if is_api_on else 404, "application/problem+json"), (
            call.path
        )


async def test_without_pages_there_are_none_of_admins(build_house: MakeHouse) -> None:
    house = await build_house(pages={"enabled": False})
    for path in PATHS:
        answer = await house.ada.get(house.path(path))
        assert (answer.status, answer.content_type) == (404, "application/problem+json")


# --- what reading does and shows


async def test_to_look_changes_nothing(house: House) -> None:
    before = await house.everything()
    for path in PATHS:
        await house.ada.text(house.path(path))
        assert await house.everything() == before, path


async def test_a_page_has_no_secret_no_script_and_no_style(house: House) -> None:
    client, application = house.fakes.client, house.fakes.application
    key = await (await client.post("/auth/api-keys", {"name": "ci"}, **bearer(await tokens_of(house)))).json()
    held = [house.fakes.users.rows[house.user(one)] for one in (house.admin, house.bob)]
    secrets = [house.ada.cookie, house.ada.cookie[-24:], house.app.secret, key["apiKey"], PASSWORD]
    secrets += [house.bob["apiKey"], *house.app.recovery_codes, *(one.password_hash for one in held)]
    secrets += [one.sealed_private_jwk.hex() for one, _ in await application.oversight.keys()]
    for path in PATHS:
        text = await house.ada.text(house.path(path))
        assert not [one for one in secrets if one in text], path
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:|https?://", text), path


async def tokens_of(house: House) -> dict[str, Any]:
    """Of Bob, who has no factor for it: his row is as it was afterwards."""
    user = house.fakes.users.rows[house.user(house.bob)]
    house.fakes.users.rows[user.id] = replace(user, second_factor_since=None)
    return await house.fakes.client.log_in(house.bob)


async def test_an_account_that_is_not_there_is_not_found(house: House) -> None:
    with capture_logs() as logs:
        for path, user_id in product(PATHS[2:], IDS):
            assert (await house.ada.get(path.replace("{userId}", user_id))).status == 404, (path, user_id)
        for path, user_id in product(FORMS, IDS):
            assert (await house.ada.post(path.replace("{userId}", user_id))).status == 404, (path, user_id)
    assert not [one for one in logs if one["log_level"] in ("error", "critical")]


async def found_at(house: House, path: str) -> tuple[list[str], str]:
    """The addresses of a page, and the path of the following one."""
    text = await house.ada.text(path)
    more = re.search(r'href="([^"]*)">More<', text)
    return re.findall(r">([^<>]+@[^<>]+)</a>", text), more[1].replace("&amp;", "&") if more else ""


async def test_people_are_found_by_the_beginning_of_their_address_page_by_page(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.pages.admin.people.PEOPLE", 2)
    for number in range(5):
        await house.fakes.client.sign_up(email=f"eve+{number}@example.com")
    first, following = await found_at(house, "/admin/people?email=%20EVE%2B")
    await house.fakes.client.sign_up(email="eve+00@example.com")  # who comes meanwhile moves nobody
    second_page, last = await found_at(house, following)
    third, none = await found_at(house, last)
    assert first + second_page + third == [f"eve+{number}@example.com" for number in range(5)]
    assert none == ""
    assert "eve+00@example.com" in (await found_at(house, "/admin/people?email=eve"))[0]


async def test_nobody_is_found_by_another_part_of_an_address(house: House) -> None:
    for prefix in ("example", "%25", "ob@"):
        text = await house.ada.text(f"/admin/people?email={prefix}")
        assert "No address begins like this." in text
    assert (await found_at(house, "/admin/people?email=bob"))[0] == ["bob@example.com"]


async def test_a_page_that_was_never_linked_is_not_there(house: House) -> None:
    for path in ("/admin/people?after=x", f"{PERSON}?after=x", f"{PERSON}?after=1-2"):
        assert "There is nothing here" in await house.ada.text(house.path(path), 404), path


async def test_one_account_is_shown_with_all_that_an_admin_may_know(house: House) -> None:
    user = house.fakes.users.rows[house.user(house.bob)]
    changed = replace(user, groups=("staff", "ops"), claims='{"team": "<b>"}', first_name="<i>Bob")
    house.fakes.users.rows[user.id] = changed
    await house.entries()
    text = await house.ada.text(house.path(PERSON))
    words = words_of(text)
    for shown in ("enabled", "<i>Bob", "staff, ops", '{"team": "<b>"}', "Python", "proved 24 Nov 2026", str(user.id)):
        assert shown in words, shown
    assert "<i>Bob" not in text
    assert "Authenticator app since 24 Nov 2026" in words
    assert "Recovery codes left 10" in words
    assert "authn_login_success" in words
    assert f"since {NOON:%d %b %Y, %H:%M} UTC, by {OPERATOR}" in words_of(
        await house.ada.text(f"/admin/people/{house.admin['userId']}")
    )


async def test_keys_are_shown_by_their_beginning(house: House) -> None:
    tokens = await tokens_of(house)
    sent = {"name": "<img src=x>", "scopes": ["read"], "expiresIn": 3600}
    made = await (await house.fakes.client.post("/auth/api-keys", sent, **bearer(tokens))).json()
    text = await house.ada.text(house.path(PERSON))
    assert "<img src=x>" in words_of(text)
    assert "<img src=x>" not in text
    (prefix,) = re.findall(r"<code>(nk_[^<]*)…</code>", text)
    assert made["apiKey"].startswith(prefix)
    assert len(prefix) < len(made["apiKey"]) / 2


async def test_the_trail_is_shown_the_newest_first_page_by_page(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.pages.admin.people.ENTRIES", 3)
    account = house.fakes.application.events.account("bob@example.com")
    for number in range(5):
        house.fakes.ambient.advance(seconds=1)
        why = (Reason.WRONG_PASSWORD, Reason.DISABLED)[number % 2]
        house.fakes.application.events.emit(Event(Name.LOGIN_FAILED, Outcome.FAILURE, why, account=account))
    expected = [
        (one.event.name.value, str(one.event.reason))
        for one in sorted(await house.entries(), key=lambda one: (one.at, -one.id.int), reverse=True)
        if str(one.event.user_id) == house.bob["userId"] or one.event.account == account
    ]
    path, found = house.path(PERSON), []
    while path:
        text = await house.ada.text(path)
        trail = text.partition('id="trail"')[2]
        shown = re.findall(r"<strong>(\w+)</strong>(?:: (\w+))?<br>", trail)
        assert len(shown) <= 3
        found += shown
        older = re.search(r'href="([^"]*)">Older<', trail)
        path = older[1] if older else ""
    assert found == expected
    assert len(found) > 6


async def test_without_a_trail_the_pages_say_so(build_house: MakeHouse) -> None:
    house = await build_house(audit={"enabled": False})
    assert "No trail is kept" in await house.ada.text(house.path(PERSON))
    assert "No audit trail is kept" in await house.ada.text("/admin")


# --- what is done there

DISABLED = ("user_updated", "disabled")
ENDED = "session_expired"
EFFECTS: Mapping[str, tuple[set[tuple[str, str]], str, str]] = {  # events, what is said after, what the user is told
    f"{PERSON}/disable": ({DISABLED, (ENDED, "account_disabled")}, "The account is disabled", "by_operator"),
    f"{PERSON}/enable": ({("user_updated", "enabled")}, "The account is enabled", "by_operator"),
    f"{PERSON}/reset": ({("user_updated", "reset_sent")}, "A mail with which", ""),
    f"{PERSON}/end-session": ({(ENDED, "by_operator")}, "The session has ended", "by_operator"),
    f"{PERSON}/end-sessions": ({(ENDED, "by_operator")}, "Every session has ended", "by_operator"),
    f"{PERSON}/remove-factors": (
        {("user_updated", "factor_removed"), (ENDED, "by_operator")},
        "The second factors are removed",
        "by_operator",
    ),
}


def test_every_form_has_its_effects_here() -> None:
    assert set(EFFECTS) == set(FORMS)


@pytest.mark.parametrize("path", FORMS)
async def test_a_form_does_what_it_says_names_the_admin_and_tells_the_user(house: House, path: str) -> None:
    events, words, notice = EFFECTS[path]
    before = len(await house.events())
    answer = await house.ada.post(house.path(path), house.form(path))
    assert answer.status == 303, await answer.text()
    new = (await house.events())[before:]
    assert {(name, reason) for name, reason, _, _ in new} == events
    assert {(by, about) for _, _, by, about in new} == {(house.by, house.bob["userId"])}
    assert all(one.event.source == "127.0.0.0/24" and one.request_id for one in (await house.entries())[before:])
    location = answer.headers["Location"]
    assert location.startswith(house.path(f"{PERSON}?done="))
    assert words in words_of(await house.ada.text(location))
    postbox = Postbox(house.fakes.application)
    letters = await postbox.collect()
    assert [one.facts["what"] for one in postbox.notices] == ([notice] if notice else [])
    assert [(one.recipient, one.template) for one in letters] == ([] if notice else [("bob@example.com", "reset")])


def forms_on(text: str) -> dict[str, dict[str, str]]:
    """The forms of a page, by where they go: the last one of each, with its hidden fields."""
    found = re.findall(r'<form method="post" action="([^"]*)">(.*?)</form>', text, re.DOTALL)
    hidden = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')
    return {action: dict(hidden.findall(inside)) for action, inside in found}


async def test_the_forms_that_stand_on_the_pages_are_those_that_there_are_and_work_as_they_stand(house: House) -> None:
    sent: set[str] = set()
    for path in (PERSON, *PATHS[3:], PERSON):  # in the end the account is disabled, and can be enabled
        forms = forms_on(await house.ada.text(house.path(path)))
        for action in {*forms} - {"/account/sign-out"} - sent:
            assert (await house.ada.post(action, forms[action])).status == 303, action
            sent.add(action)
    assert sent == {house.path(path) for path in FORMS}


async def test_what_is_done_holds(house: House) -> None:
    administration, bob = house.fakes.application.administration, house.user(house.bob)
    await house.ada.post(house.path(f"{PERSON}/end-session"), house.form("/end-session"))
    assert house.bob["sessionId"] not in [one.id for one in await administration.sessions(bob)]
    await house.ada.post(house.path(f"{PERSON}/remove-factors"))
    assert (await administration.held_factors(await administration.user(bob))).totp_since is None
    browser = await browser_of(house, house.bob)
    await house.ada.post(house.path(f"{PERSON}/end-sessions"))
    assert list(await administration.sessions(bob)) == []
    assert (await browser.get("/account")).status == 303
    browser = await browser_of(house, house.bob)
    await house.ada.post(house.path(f"{PERSON}/disable"))
    assert (await browser.get("/account")).status == 303
    assert house.fakes.users.rows[bob].disabled_at
    await house.ada.post(house.path(f"{PERSON}/enable"))
    assert house.fakes.users.rows[bob].disabled_at is None


SITES: Mapping[str, dict[str, str]] = {
    "another site": {"Sec-Fetch-Site": "cross-site"},
    "another port": {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:8080"},
    "typed": {"Sec-Fetch-Site": "none"},
    "another origin": {"Origin": "http://127.0.0.1:9999"},
    "no origin": {"Origin": "null"},
    "no header": {"X-Nothing": ""},
}


async def test_a_form_of_another_origin_does_nothing(house: House) -> None:
    before = await house.everything()
    for path, (site, headers) in product(FORMS, SITES.items()):
        assert (await house.ada.post(house.path(path), house.form(path), **headers)).status == 403, (path, site)
    assert await house.everything() == before


async def test_what_only_a_form_does_is_no_page(house: House) -> None:
    before = await house.everything()
    for path in {*FORMS} - {*PATHS}:
        assert (await house.ada.get(house.path(path))).status == 405, path
    assert await house.everything() == before


async def refused(house: House, path: str, form: dict[str, str] | None = None) -> tuple[ClientResponse, str]:
    answer = await house.ada.post(house.path(path), form)
    return answer, words_of(await answer.text())


async def test_a_refusal_is_shown_on_the_page_itself(house: House) -> None:
    others = await house.fakes.application.administration.sessions(house.user(house.admin))
    before = await house.everything()
    for session in ("", "x", others[0].id):
        answer, words = await refused(house, f"{PERSON}/end-session", {"session": session})
        assert answer.status == 404
        assert "There is no such session" in words
        assert "bob@example.com" in words
    assert await house.everything() == before


async def test_without_mail_none_is_offered_nor_sent(build_house: MakeHouse) -> None:
    house = await build_house(mail={"url": "", "sender": ""})
    assert "/reset" not in await house.ada.text(house.path(PERSON))
    answer, words = await refused(house, f"{PERSON}/reset")
    assert (answer.status, "This is not offered here." in words) == (501, True)
    assert "No mail tells the user." in words_of(await house.ada.text(house.path(f"{PERSON}/disable")))


async def test_what_was_removed_already_is_no_event(house: House) -> None:
    await house.ada.post(house.path(f"{PERSON}/remove-factors"))
    before = await house.events()
    answer = await house.ada.post(house.path(f"{PERSON}/remove-factors"))
    assert answer.headers["Location"].endswith("?done=no-factors")
    assert await house.events() == before


async def test_what_ends_things_asks_on_a_page_of_its_own_and_warns_of_the_own_account(house: House) -> None:
    for name in ("disable", "end-sessions", "remove-factors"):
        text = await house.ada.text(house.path(f"{PERSON}/{name}"))
        assert f'<form method="post" action="{house.path(PERSON)}/{name}">' in text
        assert "your own account" not in text
        assert "your own account" in await house.ada.text(f"/admin/people/{house.admin['userId']}/{name}")
        assert f'action="{house.path(PERSON)}/{name}"' not in await house.ada.text(house.path(PERSON))


async def test_no_page_makes_an_admin(house: House) -> None:
    before = await house.fakes.application.admins.all()
    for path in FORMS:
        await house.ada.post(house.path(path), house.form(path) | {"admin": "true", "granted_by": "x"})
    assert await house.fakes.application.admins.all() == before


# --- the overview


def at(house: House, hours_ago: float, name: Name, outcome: Outcome, reason: str = "") -> Entry:
    now = house.fakes.ambient.now()
    return Entry(house.fakes.ambient.new_uuid(), now - hours_ago * HOUR, Event(name, outcome, reason, source=""))


async def test_sign_ins_and_refusals_of_the_last_day_are_counted(house: House) -> None:
    trail = house.fakes.application.audit.trail
    trail.rows.clear()  # type: ignore[attr-defined] # the fake's own
    house.fakes.ambient.advance(minutes=30)
    ok, bad = (Name.LOGGED_IN, Outcome.SUCCESS), (Name.LOGIN_FAILED, Outcome.FAILURE)
    await trail.add([at(house, 0.1, *ok), at(house, 3, *ok), at(house, 3, *ok), at(house, 23.9, *ok)])
    await trail.add([at(house, 1, *bad, Reason.WRONG_PASSWORD), at(house, 2, *bad, Reason.WRONG_PASSWORD)])
    await trail.add([at(house, 2, *bad, Reason.UNKNOWN_EMAIL), at(house, 2, Name.ENDED, Outcome.SUCCESS)])
    text = await house.ada.text("/admin")
    words = words_of(text)
    assert "Of all instances, by their audit trail, since 23 Nov 2026, 13:00 UTC." in words
    assert "Sign-ins: 3, at most 2 in an hour" in words
    assert "Refused sign-ins: 3, at most 2 in an hour" in words
    assert "wrong password 2 unknown email 1" in words
    assert "24 Nov 2026, 09:00 UTC 2 0 24 Nov 2026, 10:00 UTC 0 2 24 Nov 2026, 11:00 UTC 0 1" in words
    assert len(re.findall(r"<rect ", text)) == 48


async def test_of_too_many_events_the_page_says_since_when_it_has_counted(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.domain.administration.overview.MOST_COUNTED", 2)
    trail = house.fakes.application.audit.trail
    trail.rows.clear()  # type: ignore[attr-defined] # the fake's own
    await trail.add([at(house, number, Name.LOGGED_IN, Outcome.SUCCESS) for number in (1, 2, 3)])
    words = words_of(await house.ada.text("/admin"))
    assert "There is more than is counted here: only what came since 24 Nov 2026, 10:00 UTC." in words
    assert "Sign-ins: 2," in words


async def test_limits_and_the_queue_are_those_of_this_instance_since_its_start(build_house: MakeHouse) -> None:
    house = await build_house(throttle={"exempt": [], "mail_source": "1/1h"})
    house.fakes.ambient.advance(hours=2)
    house.ada.cookie = (await browser_of(house, house.admin, house.app)).cookie
    assert "No limit has refused a request." in await house.ada.text("/admin")
    for _ in range(3):
        await house.fakes.client.post("/auth/forgot", {"email": "bob@example.com"})
    words = words_of(await house.ada.text("/admin"))
    assert words.count("This instance alone, since 24 Nov 2026, 12:00 UTC.") == 2
    assert "Limit Refused requests mail 2" in words
    assert re.search(r"Mean wait \d+ ms over [1-9]\d* hashes", words)


async def test_keys_are_shown_with_their_states_and_ages(house: House) -> None:
    words = words_of(await house.ada.text("/admin"))
    ((active, _),) = [one for one in await house.fakes.application.oversight.keys() if one[1] == "active"]
    assert f"active · RS256 · {active.kid} signs since 01 Jan 2026, 00:00 UTC, for 327 days" in words


async def test_what_waits_and_what_was_given_up_is_told(
    build_house: MakeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await build_house()
    overview = house.fakes.application.overview

    async def outbox() -> OutboxState:
        return OutboxState(waiting=3, oldest=timedelta(minutes=90), failed=2, last_reply="550 <no>")

    async def states() -> list[EndpointState]:
        return [EndpointState(endpoint="crm", waiting=1, oldest=timedelta(days=1), failed=4, last_reply="503")]

    monkeypatch.setattr(overview.outbox, "state", outbox)
    monkeypatch.setattr(overview.webhooks, "states", states)
    words = words_of(await house.ada.text("/admin"))
    assert "Waiting 3, the oldest for 1 hour Given up 2; the latest reply: 550 <no>" in words
    assert "crm : 1 waiting, the oldest for 1 day; 4 given up, the latest reply: 503" in words


async def test_the_stores_are_shown_as_doctor_sees_them(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def examine() -> list[StoreFinding]:
        return [
            StoreFinding("postgres", "ok", "18.4, over TLS", ""),
            StoreFinding("redis.user", "warning", "the service's user may FLUSHALL", "give it a user of its own"),
            StoreFinding("redis", "problem", "does not answer (TimeoutError)", "is it up?"),
        ]

    monkeypatch.setattr(house.fakes.application.overview.stores, "examine", examine)
    text = await house.ada.text("/admin")
    assert '<strong class="level-problem">problem</strong>' in text
    assert "1 ok, 1 to look at, 1 wrong." in words_of(text)
    assert "redis: does not answer (TimeoutError) is it up?" in words_of(text)
    assert re.findall(r'class="level-(\w+)"', text) == ["problem", "warning", "ok"]


def test_bars_reach_from_nothing_to_the_largest_and_what_is_little_can_be_seen() -> None:
    chart = charts.bars("x", [("a", 0), ("b", 1), ("c", 1_000), ("d", 500)])
    assert [(one.y, one.height) for one in chart.bars] == [(64, 0), (63, 1), (0, 64), (32, 32)]
    assert (chart.total, chart.most, chart.bars[2].label) == (1_501, 1_000, "c: 1000")
    assert [one.height for one in charts.bars("x", [("a", 0)]).bars] == [0]
    assert json.dumps(charts.bars("x", []).width) == "0"
