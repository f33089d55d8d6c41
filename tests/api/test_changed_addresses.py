"""Changing the e-mail address: the new one is proved first, and the one before can take it back."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientResponse

from service.domain.mail.models import Letter
from service.domain.models import Caller, User
from service.domain.sessions.sessions import Sessions
from tests.api.test_forgotten_passwords import NEW, Story, another, code_of, is_wrong
from tests.conftest import MakeOnFakes, OnFakes, bearer, problem
from tests.support import builders
from tests.support.builders import PASSWORD
from tests.support.postbox import MAIL, token_of

NEXT = "Countess@Example.org"
THIRD = "third@example.net"


class Mover(Story):
    """Somebody who wants another address."""

    tokens: dict[str, Any]

    async def request(self, email: str = NEXT, password: str | None = None) -> ClientResponse:
        body = {"newEmail": email, "password": password or self.person["password"]}
        return await self.client.post("/auth/email", body, **bearer(self.tokens))

    async def letter(self, email: str = NEXT) -> Letter:
        assert (await self.request(email)).status == 202
        return await self.postbox.one()

    async def confirm(self, body: dict[str, str], **headers: str) -> ClientResponse:
        return await self.client.post("/auth/email/confirm", body, **headers)

    async def move(self, email: str = NEXT) -> Letter:
        """The letter to the address before, by which it can be undone."""
        letter = await self.letter(email)
        answer = await self.confirm({"code": letter.values["code"]}, **bearer(self.tokens))
        assert (answer.status, await answer.json()) == (200, {"email": email})
        return await self.postbox.one()

    async def undo(self, letter: Letter) -> ClientResponse:
        return await self.client.post("/auth/email/undo", {"token": token_of(letter)})

    @property
    def only(self) -> User:
        (user,) = [one for one in self.fakes.users.rows.values() if one.first_name == "Ada"]
        return user


@pytest.fixture
async def mover(on_fakes: MakeOnFakes) -> Mover:
    fakes = await on_fakes(mail=MAIL)
    mover = Mover(fakes, await fakes.client.sign_up())
    await mover.postbox.collect()
    mover.prove()
    mover.tokens = await fakes.client.log_in(mover.person)
    mover.fakes.ambient.advance(seconds=10)
    return mover


async def test_the_new_address_gets_a_mail_and_nothing_has_changed_yet(mover: Mover) -> None:
    answer = await mover.request()
    assert answer.status == 202
    letter = await mover.postbox.one()
    assert (letter.recipient, letter.template, letter.values["minutes"]) == (NEXT, "email_change", "30")
    assert "/email/confirm?token=mc_" in letter.values["link"]
    assert mover.only.email == mover.person["email"]
    assert mover.told()[-1] == ("user_updated", "email_change_requested")


async def test_the_code_makes_it_the_address_and_ends_every_other_session(mover: Mover) -> None:
    other = await mover.client.log_in(mover.person)
    await mover.move()
    assert (mover.only.email, mover.only.canonical_email) == (NEXT, NEXT.lower())
    assert mover.only.email_verified_at == mover.fakes.ambient.now()
    assert (await mover.client.me(mover.tokens)).status == 200
    assert (await mover.client.refresh(other)).status == 401
    assert (await mover.client.me(other)).status == 401
    assert (await mover.client.log_in(mover.person | {"email": NEXT}))["email"] == NEXT
    assert not await mover.can_log_in(mover.person["password"])
    assert ("user_updated", "email_changed") in mover.told()


async def test_the_link_needs_no_session_and_keeps_only_one_of_the_account(mover: Mover) -> None:
    letter = await mover.letter()
    assert (await mover.confirm({"token": token_of(letter)})).status == 200
    assert (await mover.client.me(mover.tokens)).status == 401
    assert await is_wrong(await mover.confirm({"token": token_of(letter)}))


async def test_the_code_is_of_no_use_without_a_session_of_the_account(mover: Mover) -> None:
    letter = await mover.letter()
    other = await mover.client.log_in(await mover.client.sign_up())
    assert await code_of(await mover.confirm({"code": letter.values["code"]})) == (401, "invalid_token")
    assert await is_wrong(await mover.confirm({"code": letter.values["code"]}, **bearer(other)))


async def test_a_body_without_either_says_what_is_missing(mover: Mover) -> None:
    answer = await mover.confirm({}, **bearer(mover.tokens))
    assert answer.status == 422
    assert [one["field"] for one in problem(await answer.text())["errors"]] == ["token"]


async def test_the_password_is_asked_for(mover: Mover) -> None:
    assert await code_of(await mover.request(password="Wrong-Pass1!")) == (401, "invalid_credentials")
    assert mover.fakes.email_changes.rows == {}
    assert await mover.postbox.collect() == []


async def test_the_new_and_the_old_address_are_told(mover: Mover) -> None:
    letter = await mover.move()
    assert (letter.recipient, letter.template) == (mover.person["email"], "email_undo")
    assert "/email/undo?token=mu_" in letter.values["link"]
    assert (letter.values["hours"], letter.values["days"]) == ("168", "7")
    assert [(one.facts["what"], one.recipient) for one in mover.postbox.notices] == [("email_changed", NEXT)]


async def test_an_address_that_has_an_account_is_answered_alike_and_gets_no_mail(mover: Mover) -> None:
    other = await mover.client.sign_up()
    await mover.postbox.collect()
    free, taken = await mover.request(), await mover.request(other["email"].upper())
    assert (await free.text(), free.status) == (await taken.text(), taken.status)
    assert await mover.postbox.collect() == []


async def test_an_address_that_was_taken_meanwhile_is_not_said_to_be(mover: Mover) -> None:
    letter = await mover.letter()
    await mover.client.sign_up(email=NEXT, firstName="Grace")
    assert await is_wrong(await mover.confirm({"code": letter.values["code"]}, **bearer(mover.tokens)))
    assert mover.only.email == mover.person["email"]


async def test_the_same_address_in_other_letters_is_a_change_too(mover: Mover) -> None:
    await mover.move(mover.person["email"].title())
    assert mover.only.email == mover.person["email"].title()


async def test_a_later_request_replaces_an_earlier_one(mover: Mover) -> None:
    first = await mover.letter()
    mover.fakes.ambient.advance(seconds=1)
    assert (await mover.request(THIRD)).status == 202
    assert await is_wrong(await mover.confirm({"token": token_of(first)}))
    assert (await mover.confirm({"token": token_of(await mover.postbox.one())})).status == 200
    assert mover.only.email == THIRD


async def test_a_mail_for_a_request_that_was_replaced_is_not_sent(mover: Mover) -> None:
    await mover.request()
    await mover.request(THIRD)
    assert (await mover.postbox.one()).recipient == THIRD


async def test_a_code_is_good_for_half_an_hour(mover: Mover) -> None:
    letter = await mover.letter()
    mover.fakes.ambient.advance(minutes=30)
    assert await is_wrong(await mover.confirm({"token": token_of(letter)}))
    mover.fakes.ambient.advance(seconds=-1)
    assert (await mover.confirm({"token": token_of(letter)})).status == 200


async def test_a_new_password_makes_a_change_that_waits_impossible(mover: Mover) -> None:
    """A thief may have asked for it."""
    letter = await mover.letter()
    await mover.client.post("/auth/forgot", {"email": mover.person["email"]})
    assert (await mover.reset(await mover.postbox.one())).status == 200
    assert await is_wrong(await mover.confirm({"token": token_of(letter)}))


async def test_a_code_has_five_tries_for_members_too(mover: Mover) -> None:
    code = (await mover.letter()).values["code"]
    for _ in range(5):
        assert await is_wrong(await mover.confirm({"code": another(code)}, **bearer(mover.tokens)))
    assert await is_wrong(await mover.confirm({"code": code}, **bearer(mover.tokens)))


async def test_of_fifty_parallel_confirmations_one_is_made(mover: Mover) -> None:
    body = {"token": token_of(await mover.letter())}
    answers = await asyncio.gather(*(mover.confirm(body) for _ in range(50)))
    assert sorted(answer.status for answer in answers) == [200] + [401] * 49


# --- undoing


async def test_the_address_before_takes_the_change_back_and_the_account_with_it(mover: Mover) -> None:
    letter = await mover.move()
    thief = await mover.client.log_in(mover.person | {"email": NEXT})
    answer = await mover.undo(letter)
    assert answer.status == 200
    said = (await answer.json())["message"]
    assert said == "The change is undone. Every session is over. A mail to set a new password is on its way."
    assert mover.only.email == mover.person["email"]
    assert mover.only.email_verified_at
    for tokens in (thief, mover.tokens):
        assert (await mover.client.refresh(tokens)).status == 401
    for email in (NEXT, mover.person["email"]):
        body = {"email": email, "password": mover.person["password"]}
        assert (await mover.client.post("/auth/login", body)).status == 401
    assert (await mover.client.get("/auth/me", **{"x-api-key": mover.person["apiKey"]})).status == 401
    assert ("user_updated", "email_change_undone") in mover.told()
    reset = await mover.postbox.one()
    assert (reset.recipient, reset.template) == (mover.person["email"], "reset")
    assert (await mover.reset(reset)).status == 200
    assert await mover.can_log_in(NEW)


async def test_a_change_is_undone_once(mover: Mover) -> None:
    letter = await mover.move()
    answers = await asyncio.gather(*(mover.undo(letter) for _ in range(20)))
    assert sorted(answer.status for answer in answers) == [200] + [401] * 19


async def test_a_change_can_be_undone_for_a_week(mover: Mover) -> None:
    letter = await mover.move()
    mover.fakes.ambient.advance(days=7)
    assert await is_wrong(await mover.undo(letter))
    mover.fakes.ambient.advance(seconds=-1)
    assert (await mover.undo(letter)).status == 200


async def test_a_thief_s_second_change_does_not_keep_the_owner_out(mover: Mover) -> None:
    mine = await mover.move()
    mover.fakes.ambient.advance(hours=1)
    mover.tokens = await mover.client.log_in(mover.person | {"email": NEXT})
    theirs = await mover.move(THIRD)
    assert theirs.recipient == NEXT
    assert (await mover.undo(mine)).status == 200
    assert mover.only.email == mover.person["email"]
    assert await is_wrong(await mover.undo(theirs))


async def test_the_later_of_two_changes_is_undone_alone(mover: Mover) -> None:
    first = await mover.move()
    mover.fakes.ambient.advance(hours=1)
    mover.tokens = await mover.client.log_in(mover.person | {"email": NEXT})
    second = await mover.move(THIRD)
    assert (await mover.undo(second)).status == 200
    assert mover.only.email == NEXT
    assert (await mover.undo(first)).status == 200
    assert mover.only.email == mover.person["email"]


async def test_an_address_that_was_not_proved_is_not_proved_by_the_undoing(mover: Mover) -> None:
    mover.fakes.users.rows[mover.only.id] = replace(mover.only, email_verified_at=None)
    assert (await mover.undo(await mover.move())).status == 200
    assert mover.only.email_verified_at is None


async def test_an_address_that_has_another_account_now_is_not_taken_from_it(mover: Mover) -> None:
    letter = await mover.move()
    mover.fakes.users.is_reserved = lambda *_: False  # a sign-up was a moment faster than what reserves the address
    await mover.client.sign_up(email=mover.person["email"], firstName="Grace")
    before = mover.only
    assert await code_of(await mover.undo(letter)) == (409, "email_taken")
    assert mover.only == before
    assert (await mover.client.me(mover.tokens)).status == 200


async def test_a_link_that_undoes_is_no_good_for_anything_else(mover: Mover) -> None:
    token = token_of(await mover.move())
    assert await is_wrong(await mover.confirm({"token": token}))
    assert await is_wrong(await mover.client.post("/auth/reset", {"token": token, "newPassword": NEW}))
    last = "A" if token[-1] != "A" else "B"
    for bad in (token[:-1] + last, "mu_", "mr" + token[2:], "x"):
        assert await is_wrong(await mover.client.post("/auth/email/undo", {"token": bad}))


async def test_a_mail_that_is_written_after_the_undoing_is_not_sent(mover: Mover) -> None:
    letter = await mover.move()
    mail = mover.postbox.mails[-1]
    assert await mover.postbox.write(mail) == letter
    await mover.undo(letter)
    assert await mover.postbox.write(mail) is None


async def test_changes_that_nobody_can_undo_any_more_are_removed(mover: Mover) -> None:
    await mover.move()
    for days, left in ((7, 1), (2, 0)):
        mover.fakes.ambient.advance(days=days)
        await mover.fakes.application.recovery.addresses.delete_expired()
        assert len(mover.fakes.email_changes.rows) == left


async def test_a_link_does_not_guess_for_ever(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(mail=MAIL, throttle={"exempt": [], "code_source": "1/1h"})
    answers = [await fakes.client.post("/auth/email/undo", {"token": "x"}) for _ in range(2)]
    assert [answer.status for answer in answers] == [401, 429]


async def test_without_mail_nothing_of_it_is_offered(fakes: OnFakes) -> None:
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    calls = [
        ("/auth/email", {"newEmail": NEXT, "password": "x"}),
        ("/auth/email/confirm", {"token": "x"}),
        ("/auth/email/confirm", {"code": "x"}),
        ("/auth/email/undo", {"token": "x"}),
    ]
    for path, body in calls:
        assert await code_of(await fakes.client.post(path, body, **bearer(tokens))) == (501, "not_configured")


async def test_a_new_password_before_the_mail_is_written_makes_the_change_impossible(mover: Mover) -> None:
    assert (await mover.request()).status == 202
    body = {"currentPassword": mover.person["password"], "newPassword": NEW}
    assert (await mover.client.post("/auth/password", body, **bearer(mover.tokens))).status == 200
    assert await mover.postbox.collect() == []


async def test_an_address_that_can_be_taken_back_takes_no_sign_up(mover: Mover) -> None:
    letter = await mover.move()
    taken = await mover.client.post("/auth/signup", builders.sign_up_body(email=mover.person["email"]))
    assert await code_of(taken) == (409, "email_taken")
    assert (await mover.undo(letter)).status == 200


async def test_a_link_alone_moves_the_account_and_its_new_owner_finds_it_empty(mover: Mover) -> None:
    """Somebody gets an account to move to another person's address, who presses the link, and then forgets a password."""
    token = token_of(await mover.letter())
    assert (await mover.confirm({"token": token})).status == 200
    undo = await mover.postbox.one()
    assert mover.only.email_verified_at is None
    assert (await mover.client.post("/auth/forgot", {"email": NEXT})).status == 202
    reset = {"token": token_of(await mover.postbox.one()), "newPassword": NEW}
    assert (await mover.client.post("/auth/reset", reset)).status == 200
    assert (await mover.client.get("/auth/me", **{"x-api-key": mover.person["apiKey"]})).status == 401
    assert await is_wrong(await mover.undo(undo))
    await mover.client.log_in({"email": NEXT, "password": NEW})


ADDITIONS: list[tuple[str, dict[str, object]]] = [
    ("/auth/api-keys", {"name": "for later"}),
    ("/auth/api-key", {}),
    ("/auth/email", {"newEmail": NEXT, "password": PASSWORD}),
]


@pytest.mark.parametrize(("path", "body"), ADDITIONS)
async def test_a_session_that_is_thrown_out_while_its_call_is_read_adds_nothing(
    mover: Mover, monkeypatch: pytest.MonkeyPatch, path: str, body: dict[str, object]
) -> None:
    """The call is authenticated, and its body comes when the account has another owner."""
    authenticate, is_in, goes_on = Sessions.authenticate, asyncio.Event(), asyncio.Event()

    async def noted(sessions: Sessions, token: str) -> Caller:
        caller = await authenticate(sessions, token)
        is_in.set()
        return caller

    async def slowly() -> AsyncIterator[bytes]:
        yield b" "
        await goes_on.wait()
        yield json.dumps(body).encode()

    assert (await mover.client.post("/auth/forgot", {"email": mover.person["email"]})).status == 202
    reset = {"token": token_of(await mover.postbox.one()), "newPassword": NEW, "revokeApiKey": True}
    monkeypatch.setattr(Sessions, "authenticate", noted)
    headers = bearer(mover.tokens) | {"Content-Type": "application/json"}
    adding = asyncio.create_task(mover.client.http.post(path, data=slowly(), headers=headers))
    await is_in.wait()
    assert (await mover.client.post("/auth/reset", reset)).status == 200
    goes_on.set()
    assert (await adding).status == 401
    assert (mover.fakes.email_changes.rows, mover.only.email) == ({}, mover.person["email"])
    tokens = await mover.client.log_in({"email": mover.person["email"], "password": NEW})
    assert await (await mover.client.get("/auth/api-keys", **bearer(tokens))).json() == {"apiKeys": []}
