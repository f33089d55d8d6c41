"""Forgotten passwords: one answer for all, and a new password for whoever reads the account's mails."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientResponse

from service.domain.events.security_events import Event
from service.domain.mail.models import Letter
from service.domain.models import User
from service.domain.recovery.models import TRIES
from service.domain.sessions.models import PendingRevocation
from service.errors import UnavailableError
from tests.conftest import Client, MakeOnFakes, OnFakes, problem
from tests.support.postbox import MAIL, Postbox, token_of

NEW = "Another-Pass2!"
ISSUER = "https://accounts.example.com"


class Story:
    """Somebody who has forgotten the password of an account."""

    def __init__(self, fakes: OnFakes, person: dict[str, Any]) -> None:
        self.fakes, self.client, self.person = fakes, fakes.client, person
        self.postbox = Postbox(fakes.application)
        self.events: list[Event] = []
        fakes.application.events.add(self.events.append)

    @property
    def user(self) -> User:
        return next(user for user in self.fakes.users.rows.values() if user.email == self.person["email"])

    async def ask(self, email: str | None = None) -> Letter:
        assert (await self.client.post("/auth/forgot", {"email": email or self.person["email"]})).status == 202
        return await self.postbox.one()

    async def reset(self, letter: Letter, **fields: object) -> ClientResponse:
        return await self.client.post("/auth/reset", {"token": token_of(letter), "newPassword": NEW, **fields})

    async def reset_by_code(self, code: str, email: str | None = None) -> ClientResponse:
        body = {"email": email or self.person["email"], "code": code, "newPassword": NEW}
        return await self.client.post("/auth/reset", body)

    async def can_log_in(self, password: str) -> bool:
        body = {"email": self.person["email"], "password": password}
        return (await self.client.post("/auth/login", body)).status == 200

    def prove(self) -> None:
        self.fakes.users.rows[self.user.id] = replace(self.user, email_verified_at=self.fakes.ambient.now())

    def told(self) -> list[tuple[str, str]]:
        return [(event.name.value, str(event.reason)) for event in self.events if event.name.value != "session_expired"]


@pytest.fixture
async def story(on_fakes: MakeOnFakes) -> Story:
    fakes = await on_fakes(mail=MAIL, tokens={"issuer": ISSUER})
    person = await fakes.client.sign_up()
    story = Story(fakes, person)
    await story.postbox.collect()
    story.postbox.letters.clear()
    return story


async def code_of(answer: ClientResponse) -> tuple[int, str]:
    return answer.status, problem(await answer.text())["code"]


async def is_wrong(answer: ClientResponse) -> bool:
    return await code_of(answer) == (401, "invalid_code")


def another(code: str) -> str:
    """A code that is not this one."""
    return f"{(int(code) + 1) % 10**8:08}"


async def test_a_mail_s_link_sets_a_new_password_once(story: Story) -> None:
    letter = await story.ask()
    answer = await story.reset(letter)
    assert answer.status == 200
    assert await answer.json() == {"message": "The password is changed. Every session is over. Log in."}
    assert (await story.can_log_in(NEW), await story.can_log_in(story.person["password"])) == (True, False)
    assert await is_wrong(await story.reset(letter, newPassword="Yet-Another3!"))
    assert await story.can_log_in(NEW)


async def test_a_mail_s_code_sets_a_new_password_once_however_it_is_typed(story: Story) -> None:
    code = (await story.ask()).values["code"]
    assert len(code) == 8
    assert (await story.reset_by_code(f" {code[:4]} {code[4:]} ", story.person["email"].upper())).status == 200
    assert await story.can_log_in(NEW)
    assert await is_wrong(await story.reset_by_code(code))


async def test_a_reset_ends_every_session_and_hands_out_no_tokens(story: Story) -> None:
    sessions = [await story.client.log_in(story.person) for _ in range(2)]
    answer = await story.reset(await story.ask())
    assert set(await answer.json()) == {"message"}
    assert [(await story.client.me(one)).status for one in sessions] == [401, 401]
    assert [(await story.client.refresh(one)).status for one in sessions] == [401, 401]


async def test_the_letter_has_a_code_a_link_of_the_issuer_and_nothing_that_a_user_chose(story: Story) -> None:
    letter = await story.ask(story.person["email"].upper())
    assert (letter.recipient, letter.template) == (story.person["email"], "reset")
    assert letter.values["link"].startswith(f"{ISSUER}/reset?token=")
    assert letter.values["minutes"] == "15"
    text = " ".join(letter.values.values())
    assert [name for name in ("firstName", "lastName") if story.person[name] in text] == []


async def test_links_never_come_from_a_request(story: Story) -> None:
    hostile = {"Host": "evil.example.net", "X-Forwarded-Host": "evil.example.net", "X-Forwarded-Proto": "http"}
    await story.client.post("/auth/forgot", {"email": story.person["email"]}, **hostile)
    assert (await story.postbox.one()).values["link"].startswith(f"{ISSUER}/reset?token=")


async def test_a_mail_that_is_written_twice_is_the_same_and_gives_no_new_tries(story: Story) -> None:
    letter = await story.ask()
    for _ in range(TRIES - 1):
        assert await is_wrong(await story.reset_by_code(another(letter.values["code"])))
    assert await story.postbox.write(story.postbox.mails[-1]) == letter
    assert await is_wrong(await story.reset_by_code(another(letter.values["code"])))
    assert await is_wrong(await story.reset_by_code(letter.values["code"]))


async def test_a_mail_that_is_written_again_after_its_use_is_not_sent(story: Story) -> None:
    assert (await story.reset(await story.ask())).status == 200
    assert await story.postbox.write(story.postbox.mails[-1]) is None


async def test_a_used_code_does_not_come_back_when_the_clock_of_the_outbox_is_ahead(story: Story) -> None:
    await story.client.post("/auth/forgot", {"email": story.person["email"]})
    (row,) = story.fakes.outbox.rows.values()
    row.mail = replace(row.mail, created_at=row.mail.created_at + timedelta(seconds=3))
    assert (await story.reset(await story.postbox.one())).status == 200
    assert await story.postbox.write(story.postbox.mails[-1]) is None


async def test_a_newer_mail_replaces_an_older_one_whichever_is_written_last(story: Story) -> None:
    older = await story.ask()
    mail = story.postbox.mails[-1]
    story.fakes.ambient.advance(seconds=1)
    newer = await story.ask()
    assert await story.postbox.write(mail) is None
    assert await is_wrong(await story.reset(older))
    assert await is_wrong(await story.reset_by_code(older.values["code"]))
    assert (await story.reset(newer)).status == 200


async def test_a_code_is_good_for_fifteen_minutes_from_the_asking(story: Story) -> None:
    await story.client.post("/auth/forgot", {"email": story.person["email"]})
    story.fakes.ambient.advance(minutes=10)
    letter = await story.postbox.one()
    story.fakes.ambient.advance(minutes=5)
    assert await is_wrong(await story.reset(letter))
    story.fakes.ambient.advance(seconds=-1)
    assert (await story.reset(letter)).status == 200


async def test_a_mail_is_not_written_when_its_code_would_be_over(story: Story) -> None:
    await story.client.post("/auth/forgot", {"email": story.person["email"]})
    story.fakes.ambient.advance(minutes=15)
    assert await story.postbox.collect() == []


async def test_a_code_dies_with_the_password_it_was_to_replace(story: Story) -> None:
    letter = await story.ask()
    story.fakes.ambient.advance(seconds=1)
    tokens = await story.client.log_in(story.person)
    body = {"currentPassword": story.person["password"], "newPassword": "Yet-Another3!"}
    changed = await story.client.post("/auth/password", body, Authorization=f"Bearer {tokens['idToken']}")
    assert changed.status == 200
    assert await is_wrong(await story.reset(letter))
    assert await is_wrong(await story.reset_by_code(letter.values["code"]))
    assert await story.postbox.write(story.postbox.mails[-1]) is None


async def test_a_disabled_account_gets_no_mail_and_no_password(story: Story) -> None:
    letter = await story.ask()
    await story.fakes.application.accounts.disable(story.person["email"])
    assert await is_wrong(await story.reset(letter))
    await story.client.post("/auth/forgot", {"email": story.person["email"]})
    assert await story.postbox.collect() == []


async def test_a_link_is_no_good_for_another_purpose_or_another_user(story: Story) -> None:
    letter, other = await story.ask(), await story.client.sign_up()
    await story.postbox.collect()
    token = token_of(letter)
    verified = await story.client.post("/auth/email/verify", {"token": token, "newPassword": NEW})
    assert await is_wrong(verified)
    stranger = next(user for user in story.fakes.users.rows.values() if user.email == other["email"])
    forged = story.fakes.application.recovery.letters.secrets.token(
        story.postbox.mails[0].kind, stranger.id, stranger.id
    )
    for bad in (
        token[:3] + forged[3:25] + token[25:],
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        token[:25],
        "x",
    ):
        assert await is_wrong(await story.client.post("/auth/reset", {"token": bad, "newPassword": NEW}))
    assert (await story.reset(letter)).status == 200


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"newPassword": NEW}, {"token"}),
        ({"email": "ada@example.com", "newPassword": NEW}, {"code"}),
        ({"code": "12345678", "newPassword": NEW}, {"email"}),
        ({"token": " ", "newPassword": NEW}, {"token"}),
        ({"token": "x", "newPassword": "short"}, {"newPassword"}),
        ({"token": "x"}, {"newPassword"}),
        ({"token": "x", "newPassword": NEW, "revokeApiKey": "yes"}, {"revokeApiKey"}),
    ],
)
async def test_a_body_that_cannot_work_says_what_is_missing(
    story: Story, body: dict[str, object], fields: set[str]
) -> None:
    answer = await story.client.post("/auth/reset", body)
    assert answer.status == 422
    assert {one["field"] for one in problem(await answer.text())["errors"]} == fields


async def test_a_common_password_is_refused_and_the_code_is_still_good(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(mail=MAIL, passwords={"refuse_common": True})
    story = Story(fakes, await fakes.client.sign_up(password="Xq-kw82-Lmn1!"))
    await story.postbox.collect()
    letter = await story.ask()
    answer = await story.reset(letter, newPassword="Password1!")
    assert (answer.status, problem(await answer.text())["errors"][0]["code"]) == (422, "common")
    assert (await story.reset(letter)).status == 200


async def test_of_fifty_parallel_resets_with_one_link_one_is_made(story: Story) -> None:
    letter = await story.ask()
    answers = await asyncio.gather(*(story.reset(letter, newPassword=f"Another-Pass{n}!") for n in range(50)))
    (good,) = [number for number, answer in enumerate(answers) if answer.status == 200]
    assert {answer.status for answer in answers} == {200, 401}
    assert await story.can_log_in(f"Another-Pass{good}!")


# --- the first proof


async def test_the_first_proof_evicts_whoever_made_the_account(story: Story) -> None:
    squatter = await story.client.log_in(story.person)
    story.fakes.users.rows[story.user.id] = replace(story.user, second_factor_since=story.fakes.ambient.now())
    answer = await story.reset(await story.ask())
    assert answer.status == 200
    assert story.user.email_verified_at == story.fakes.ambient.now()
    assert story.user.second_factor_since is None
    assert (await story.client.get("/auth/me", **{"x-api-key": story.person["apiKey"]})).status == 401
    assert (await story.client.refresh(squatter)).status == 401
    mine = await story.client.log_in(story.person | {"password": NEW})
    assert (await story.client.get("/auth/me", **{"x-api-key": mine["apiKey"]})).status == 200
    assert story.told()[:4] == [
        ("authn_login_success", ""),
        ("authn_password_change", "reset"),
        ("user_updated", "squatter_evicted"),
        ("user_updated", "email_verified"),
    ]


async def test_a_proved_address_keeps_its_api_key_and_its_factors(story: Story) -> None:
    story.prove()
    at = story.fakes.ambient.now()
    story.fakes.users.rows[story.user.id] = replace(story.user, second_factor_since=at)
    assert (await story.reset(await story.ask())).status == 200
    assert story.user.second_factor_since == at
    assert (await story.client.get("/auth/me", **{"x-api-key": story.person["apiKey"]})).status == 200
    assert ("user_updated", "squatter_evicted") not in story.told()


async def test_the_api_key_of_a_proved_address_is_replaced_on_request(story: Story) -> None:
    story.prove()
    assert (await story.reset(await story.ask(), revokeApiKey=True)).status == 200
    assert (await story.client.get("/auth/me", **{"x-api-key": story.person["apiKey"]})).status == 401
    assert ("authn_token_created", "api_key_rotated") in story.told()


async def test_its_owner_is_told_of_a_reset(story: Story) -> None:
    await story.reset(await story.ask())
    await story.postbox.collect()
    assert [(one.facts["what"], one.recipient) for one in story.postbox.notices] == [
        ("password_reset", story.person["email"])
    ]


# --- outages


async def test_a_reset_that_could_not_end_the_sessions_at_once_says_so(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    thief = await story.client.log_in(story.person)
    letter = await story.ask()

    async def fail(ending: PendingRevocation, named: str = "") -> int:
        raise UnavailableError

    with monkeypatch.context() as patch:
        patch.setattr(story.fakes.application.user_revocation, "finish", fail)
        answer = await story.reset(letter)
    assert answer.status == 200
    assert (await answer.json())["message"] == "The password is changed. Every session ends within seconds. Log in."
    story.fakes.ambient.advance(seconds=3)
    await story.fakes.application.user_revocation.finish_overdue()
    assert (await story.client.refresh(thief)).status == 401
    assert await story.can_log_in(NEW)


async def test_after_an_outage_before_the_change_the_same_code_works(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = await story.ask()

    async def fail(*_: object) -> bool | None:
        raise ConnectionError

    for _ in range(TRIES + 1):
        with monkeypatch.context() as patch:
            patch.setattr(story.fakes.application.backends.proved_users, "reset", fail)
            assert (await story.reset_by_code(letter.values["code"])).status == 503
    assert await story.can_log_in(story.person["password"])
    assert (await story.reset_by_code(letter.values["code"])).status == 200


async def test_a_used_code_that_could_not_be_forgotten_is_good_for_nothing(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = await story.ask()

    async def fail(*_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(story.fakes.application.recovery.passwords.aftermath.codes, "remove", fail)
        assert (await story.reset(letter)).status == 200
    assert await is_wrong(await story.reset(letter))
    assert await is_wrong(await story.reset_by_code(letter.values["code"]))


async def test_without_mail_nothing_of_it_is_offered(fakes: OnFakes) -> None:
    client = fakes.client
    assert await code_of(await client.post("/auth/forgot", {"email": "ada@example.com"})) == (501, "not_configured")
    reset = await client.post("/auth/reset", {"token": "x", "newPassword": NEW})
    assert await code_of(reset) == (501, "not_configured")


# --- one answer for all


COMMON = {"x-request-id", "date"}


async def shown(answer: ClientResponse) -> tuple[int, dict[str, str], str]:
    """All of an answer that could tell one address from another."""
    headers = {name: value for name, value in answer.headers.items() if name.lower() not in COMMON}
    text = await answer.text()
    return answer.status, headers, text.replace(answer.headers["X-Request-Id"], "<id>")


@pytest.mark.parametrize(
    "email", ["nobody@example.com", "no address", "a\0@example.com", "x" * 5_000, "ä@bücher.example"]
)
async def test_asking_for_an_unknown_address_looks_as_for_a_known_one(story: Story, email: str) -> None:
    known = await story.client.post("/auth/forgot", {"email": story.person["email"]})
    rows = len(story.fakes.outbox.rows)
    unknown = await story.client.post("/auth/forgot", {"email": email})
    assert await shown(unknown) == await shown(known)
    assert known.status == 202
    assert len(story.fakes.outbox.rows) == rows + 1
    assert [letter.recipient for letter in await story.postbox.collect()] == [story.person["email"]]


async def test_a_wrong_code_looks_the_same_for_every_address(story: Story) -> None:
    code = another((await story.ask()).values["code"])
    known = await shown(await story.reset_by_code(code))
    assert known == await shown(await story.reset_by_code(code, "nobody@example.com"))
    assert known == await shown(await story.reset_by_code(code, "no address"))
    assert known[0] == 401
    assert story.told() == [
        ("authn_login_fail", "wrong_code"),
        ("authz_fail", "no_code"),
        ("authz_fail", "no_code"),
    ]


# --- limits


async def limited(on_fakes: MakeOnFakes, **limits: str) -> Story:
    fakes = await on_fakes(mail=MAIL, throttle={"exempt": [], **limits})
    story = Story(fakes, await fakes.client.sign_up())
    await story.postbox.collect()
    return story


async def ask(client: Client, email: str) -> ClientResponse:
    return await client.post("/auth/forgot", {"email": email})


async def test_a_source_may_ask_for_so_many_mails(on_fakes: MakeOnFakes) -> None:
    story = await limited(on_fakes, mail_source="2/1h")
    answers = [await ask(story.client, f"{name}@example.com") for name in "abc"]
    assert [answer.status for answer in answers] == [202, 202, 429]
    assert answers[-1].headers["RateLimit-Policy"] == '"mail-source";q=2;w=3600'
    assert len(story.fakes.outbox.rows) == 2


async def test_all_together_may_ask_for_so_many_mails(on_fakes: MakeOnFakes) -> None:
    story = await limited(on_fakes, mail_global="1/1h")
    answers = [await ask(story.client, f"{name}@example.com") for name in "ab"]
    assert [answer.status for answer in answers] == [202, 429]


async def test_a_code_has_five_tries(story: Story) -> None:
    code = (await story.ask()).values["code"]
    for _ in range(TRIES):
        assert await is_wrong(await story.reset_by_code(another(code)))
    assert await is_wrong(await story.reset_by_code(code))


async def test_somebody_who_guesses_codes_does_not_take_the_link_from_its_owner(story: Story) -> None:
    letter = await story.ask()
    for _ in range(TRIES + 1):
        await story.reset_by_code(another(letter.values["code"]))
    assert (await story.reset(letter)).status == 200


async def test_guesses_in_parallel_are_five_as_well(story: Story) -> None:
    code = (await story.ask()).values["code"]
    guesses = [f"{(int(code) + distance) % 10**8:08}" for distance in range(1, 20)]
    answers = await asyncio.gather(*map(story.reset_by_code, guesses))
    assert {answer.status for answer in answers} == {401}
    assert await is_wrong(await story.reset_by_code(code))


@pytest.mark.parametrize("is_known", [True, False])
async def test_a_new_code_brings_no_new_guesses(on_fakes: MakeOnFakes, *, is_known: bool) -> None:
    story = await limited(on_fakes, code_account="3/1h")
    email = story.person["email"] if is_known else "nobody@example.com"
    wrong = []
    for _ in range(2):
        await ask(story.client, email)
        letters = await story.postbox.collect()
        code = another(letters[0].values["code"]) if letters else "12345678"
        wrong += [(await story.reset_by_code(code, email)).status for _ in range(2)]
    assert wrong == [401, 401, 401, 429]
    assert (await story.reset_by_code("12345678", "somebody@example.com")).status == 401


async def test_a_right_code_costs_no_guess(on_fakes: MakeOnFakes) -> None:
    story = await limited(on_fakes, code_account="1/1h", code_source="1/1h")
    for _ in range(2):
        story.fakes.ambient.advance(seconds=1)
        letter = await story.ask()
        assert (await story.reset_by_code(letter.values["code"])).status == 200


async def test_a_source_may_guess_so_many_links(on_fakes: MakeOnFakes) -> None:
    story = await limited(on_fakes, code_source="2/1h")
    body = {"token": "mr_nothing", "newPassword": NEW}
    answers = [await story.client.post("/auth/reset", body) for _ in range(3)]
    assert [answer.status for answer in answers] == [401, 401, 429]
    assert answers[-1].headers["RateLimit-Policy"] == '"code-source";q=2;w=3600'


async def test_mails_are_in_the_language_of_the_account_or_of_who_asks(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(mail=MAIL)
    silent = Story(fakes, await fakes.client.sign_up())
    answer = await fakes.client.post(
        "/auth/signup",
        {"email": "eva@example.com", "password": NEW, "firstName": "Eva", "lastName": "Ada"},
        **{"Accept-Language": "de-AT,de;q=0.9,en;q=0.8"},
    )
    assert answer.status == 201
    assert [letter.language for letter in await silent.postbox.collect()] == ["", "de"]
    for email in ("eva@example.com", silent.person["email"]):
        await fakes.client.post("/auth/forgot", {"email": email}, **{"Accept-Language": "fr"})
        assert (await silent.postbox.one()).language == ("de" if email == "eva@example.com" else "fr")


@pytest.mark.parametrize("sent", ["*", "<script>", "x" * 50, "", "12", "de_AT"])
async def test_what_is_no_language_is_none(on_fakes: MakeOnFakes, sent: str) -> None:
    fakes = await on_fakes(mail=MAIL)
    postbox = Postbox(fakes.application)
    body = {"email": "eva@example.com", "password": NEW, "firstName": "Eva", "lastName": "Ada"}
    assert (await fakes.client.post("/auth/signup", body, **{"Accept-Language": sent})).status == 201
    assert (await postbox.one()).language == ""
