"""What the links in mails lead to: a look uses nothing up, a form does once."""

from typing import Any

import pytest

from tests.pages.conftest import MakeTown
from tests.support import builders
from tests.support.pages import Browser, Town, everything
from tests.support.postbox import Postbox, token_of

NEW = "Another-Pass2!"


@pytest.fixture
def postbox(town: Town) -> Postbox:
    return Postbox(town.fakes.application)


async def letter_of_reset(town: Town, postbox: Postbox, person: dict[str, Any]) -> Any:
    await postbox.collect()
    asked = await town.another().post("/forgot", {"email": person["email"]})
    assert asked.goes_to == "/reset?sent=1"
    return await postbox.one()


async def test_a_link_sets_a_new_password_once(town: Town, browser: Browser, postbox: Postbox) -> None:
    person = await town.fakes.client.sign_up()
    token = token_of(await letter_of_reset(town, postbox, person))
    for _ in range(3):  # a scanner of mails, and the reader
        shown = await browser.get(f"/reset?token={token}")
        assert shown.form("/reset").fields["token"] == token
    done = await browser.submit(shown, "/reset", newPassword=NEW)
    assert done.goes_to.startswith("/sign-in")
    assert "password is set" in (await browser.follow(done)).status_words
    assert browser.cookies == {}  # a mail opens no session
    assert (await browser.sign_in(person | {"password": NEW})).goes_to == "/account"
    again = await town.another().post("/reset", {"token": token, "newPassword": "Yet-Another3!"})
    assert again.status == 401
    assert NEW not in again.text


async def test_a_weak_password_is_refused_and_the_link_goes_on(town: Town, browser: Browser, postbox: Postbox) -> None:
    person = await town.fakes.client.sign_up()
    token = token_of(await letter_of_reset(town, postbox, person))
    refused = await browser.submit(await browser.get(f"/reset?token={token}"), "/reset", newPassword="short1")
    assert (refused.status, set(refused.broken), refused.focused) == (422, {"newPassword"}, ["newPassword"])
    assert "short1" not in refused.text
    assert (await browser.submit(refused, "/reset", newPassword=NEW)).goes_to.startswith("/sign-in")


async def test_a_code_does_too(town: Town, browser: Browser, postbox: Postbox) -> None:
    person = await town.fakes.client.sign_up()
    code = (await letter_of_reset(town, postbox, person)).values["code"]
    page = await browser.get("/reset?sent=1")
    assert "on its way" in page.status_words
    wrong = await browser.submit(
        page, "/reset", email=person["email"], code=f"{(int(code) + 1) % 10**8:08}", newPassword=NEW
    )
    assert (wrong.status, set(wrong.broken)) == (401, {"code"})
    assert wrong.page.inputs["email"]["value"] == person["email"]
    assert wrong.page.inputs["code"]["value"] == ""
    spaced = f"{code[:4]} {code[4:]}"
    done = await browser.submit(wrong, "/reset", email=person["email"], code=spaced, newPassword=NEW)
    assert done.goes_to.startswith("/sign-in")


async def test_a_reset_without_proof_names_what_is_missing(browser: Browser) -> None:
    refused = await browser.submit(await browser.get("/reset"), "/reset")
    assert refused.status == 422
    assert set(refused.broken) == {"email", "code"}


async def test_a_reset_ends_every_session(town: Town, browser: Browser, postbox: Postbox) -> None:
    person = await town.member()
    token = token_of(await letter_of_reset(town, postbox, person))
    await town.another().post("/reset", {"token": token, "newPassword": NEW})
    assert (await browser.get("/account")).goes_to.startswith("/sign-in")


async def test_forgotten_passwords_of_known_and_unknown_addresses_look_alike(town: Town, browser: Browser) -> None:
    person = await town.fakes.client.sign_up()
    known = await browser.post("/forgot", {"email": person["email"]})
    unknown = await browser.post("/forgot", {"email": "nobody@example.com"})
    assert (known.status, known.goes_to, known.text) == (unknown.status, unknown.goes_to, unknown.text)
    assert (await browser.post("/forgot", {})).broken == {"email": "Fill this in."}


async def test_nothing_leads_to_mails_where_none_are_sent(make_town: MakeTown) -> None:
    town = await make_town(mail={})
    assert "/forgot" not in (await town.browser.get("/sign-in")).page.links.values()
    refused = await town.browser.post("/forgot", {"email": "ada@example.com"})
    assert (refused.status, refused.refusal) == (501, "This is not offered here.")


# --- proofs of an address


async def test_a_link_proves_the_address_of_who_is_signed_in(town: Town, browser: Browser, postbox: Postbox) -> None:
    await town.member()
    token = token_of(await postbox.one())
    for _ in range(2):
        page = await browser.get(f"/verify?token={token}")
        assert "password" not in page.page.inputs
    done = await browser.follow(await browser.submit(page, "/verify"))
    assert "confirmed" in done.status_words
    assert "(confirmed)" in (await browser.get("/account")).main


async def test_a_link_and_the_password_prove_it_without_a_session(
    town: Town, browser: Browser, postbox: Postbox
) -> None:
    person = await town.fakes.client.sign_up()
    token = token_of(await postbox.one())
    page = await browser.get(f"/verify?token={token}")
    missing = await browser.submit(page, "/verify")
    assert (missing.status, set(missing.broken)) == (422, {"password"})
    wrong = await browser.submit(missing, "/verify", password="WrongPass1!")
    assert wrong.status == 401
    assert "WrongPass1!" not in wrong.text
    done = await browser.submit(wrong, "/verify", password=person["password"])
    assert done.goes_to == "/verify?done=1"


async def test_whoever_reads_the_mails_takes_over_what_a_stranger_opened(
    town: Town, browser: Browser, postbox: Postbox
) -> None:
    person = await town.member()
    token = token_of(await postbox.one())
    owner = town.another()
    done = await owner.submit(await owner.get(f"/verify?token={token}"), "/verify", newPassword=NEW)
    assert done.goes_to == "/verify?done=1"
    assert (await browser.get("/account")).goes_to.startswith("/sign-in")
    assert (await owner.sign_in(person | {"password": NEW})).goes_to == "/account"


# --- changes of an address


@pytest.mark.parametrize("path", ["/email/confirm", "/email/undo"])
async def test_a_token_that_never_was_is_refused_on_the_page(town: Town, browser: Browser, path: str) -> None:
    await town.member()
    before = await everything(town.fakes)
    refused = await browser.submit(await browser.get(f"{path}?token=abc"), path)
    assert refused.status == 401
    assert refused.form(path).fields["token"] == "abc"
    assert await everything(town.fakes) == before


async def test_a_new_address_is_confirmed_and_undone_by_links(town: Town, browser: Browser, postbox: Postbox) -> None:
    client, person = town.fakes.client, await town.member()
    tokens = await client.log_in(person)
    token = token_of(await postbox.one())
    assert (await browser.post("/verify", {"token": token})).goes_to == "/verify?done=1"
    new = builders.sign_up_body()["email"]
    asked = await client.post(
        "/auth/email",
        {"newEmail": new, "password": person["password"]},
        Authorization=f"Bearer {tokens['idToken']}",
    )
    assert asked.status == 202, await asked.text()
    letter = await postbox.one()
    confirm = token_of(letter)
    for _ in range(2):
        page = await browser.get(f"/email/confirm?token={confirm}")
    assert (await browser.submit(page, "/email/confirm")).goes_to == "/email/confirm?done=1"
    (undo,) = [one for one in await postbox.collect() if "undo" in one.values["link"]]
    stranger = town.another()
    for _ in range(2):
        page = await stranger.get(f"/email/undo?token={token_of(undo)}")
    done = await stranger.submit(page, "/email/undo")
    assert done.goes_to == "/email/undo?done=1"
    assert "this address again" in (await stranger.follow(done)).status_words
    assert (await browser.get("/account")).goes_to.startswith("/sign-in")
    assert any(one.email == person["email"] for one in town.fakes.users.rows.values())
