"""Closed registration: who may sign up by `signup.mode`, and invitations."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from service.domain.credentials import emails
from service.domain.events.security_events import Event, Name, Outcome, Reason
from service.errors import EmailTakenError, NotConfiguredError
from tests.conftest import MakeOnFakes, OnFakes, bearer, problem
from tests.support import builders
from tests.support.postbox import MAIL, Postbox

ADA = "Ada@Example.com"
WEEK = timedelta(days=7)
INVITED: dict[str, Any] = {"signup": {"mode": "invited"}}


@pytest.fixture
async def invited(on_fakes: MakeOnFakes) -> OnFakes:
    return await on_fakes(**INVITED, mail=MAIL)


async def an_invitation(fakes: OnFakes, email: str = "") -> str:
    invitations = fakes.application.invitations
    return invitations.links.token((await invitations.invite(email, WEEK, by_mail=False)).id)


async def refused(fakes: OnFakes, **fields: object) -> tuple[int, str]:
    """The refusal of a sign-up, which has made no account."""
    before = len(fakes.users.rows)
    answer = await fakes.client.post("/auth/signup", builders.sign_up_body(**fields))
    assert len(fakes.users.rows) == before
    return answer.status, problem(await answer.text())["code"]


def heard(fakes: OnFakes) -> list[Event]:
    events: list[Event] = []
    fakes.application.events.add(events.append)
    return events


async def test_where_sign_up_is_closed_nobody_signs_up_with_an_invitation_or_without(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(signup={"mode": "closed"})
    assert await refused(fakes) == (403, "signup_closed")
    assert await refused(fakes, invitation=await an_invitation(fakes)) == (403, "signup_closed")
    assert await refused(fakes, email=None) == (403, "signup_closed"), "nothing is said of a body that nobody reads"


async def test_where_sign_up_is_open_nobody_needs_an_invitation(fakes: OnFakes) -> None:
    await fakes.client.sign_up()


async def test_an_invitation_that_is_shown_counts_where_sign_up_is_open_too(fakes: OnFakes) -> None:
    token = await an_invitation(fakes)
    await fakes.client.sign_up(invitation=token)
    assert await refused(fakes, invitation=token) == (403, "invalid_invitation")


async def test_an_invitation_is_good_for_one_account(invited: OnFakes) -> None:
    token = await an_invitation(invited)
    ada = await invited.client.sign_up(invitation=token)
    await invited.client.log_in(ada)
    assert await refused(invited, invitation=token) == (403, "invalid_invitation")


async def test_of_sign_ups_at_once_with_one_invitation_one_makes_an_account(invited: OnFakes) -> None:
    token = await an_invitation(invited)
    bodies = [builders.sign_up_body(invitation=token) for _ in range(8)]
    answers = await asyncio.gather(*(invited.client.post("/auth/signup", body) for body in bodies))
    assert sorted(answer.status for answer in answers) == [201, *[403] * 7]
    assert len(invited.users.rows) == 1


def without(_: str) -> str | None:
    return None


def changed(token: str) -> str:
    return token[:-1] + ("A" if token[-1] != "A" else "B")


def of_nobody(token: str) -> str:
    return f"iv_{'A' * 22}{token[25:]}"


def with_more(token: str) -> str:
    return f"{token}A"


@pytest.mark.parametrize("wrong", [without, changed, of_nobody, with_more, lambda _: "iv_", lambda _: "\u00e9" * 69])
async def test_without_a_good_invitation_there_is_no_account(
    invited: OnFakes, wrong: Callable[[str], str | None]
) -> None:
    token = await an_invitation(invited)
    assert await refused(invited, invitation=wrong(token)) == (403, "invalid_invitation")
    await invited.client.sign_up(invitation=token)


async def ended(fakes: OnFakes) -> str:
    token = await an_invitation(fakes)
    (one,) = await fakes.application.invitations.latest(10)
    assert await fakes.application.invitations.end(one.id)
    assert not await fakes.application.invitations.end(one.id)
    return token


async def expired(fakes: OnFakes) -> str:
    token = await an_invitation(fakes)
    fakes.ambient.advance(days=7)
    return token


async def for_somebody_else(fakes: OnFakes) -> str:
    return await an_invitation(fakes, ADA)


@pytest.mark.parametrize("make", [ended, expired, for_somebody_else])
async def test_one_that_is_over_or_for_another_address_is_refused(
    invited: OnFakes, make: Callable[[OnFakes], Awaitable[str]]
) -> None:
    token, hashes = await make(invited), invited.application.passwords.queue.hashes
    before = hashes.count
    assert await refused(invited, invitation=token) == (403, "invalid_invitation")
    assert hashes.count == before, "it costs no hash"


async def test_an_address_is_the_same_however_it_is_spelt(invited: OnFakes) -> None:
    await invited.client.sign_up(email=ADA.lower(), invitation=await an_invitation(invited, ADA))


async def test_an_account_that_could_not_be_made_leaves_the_invitation_good(invited: OnFakes) -> None:
    ada = await invited.client.sign_up(invitation=await an_invitation(invited))
    token = await an_invitation(invited)
    assert await refused(invited, email=ada["email"], invitation=token) == (409, "email_taken")
    assert (await refused(invited, password="short", invitation=token))[0] == 422
    await invited.client.sign_up(invitation=token)


async def test_who_has_no_good_invitation_is_not_told_who_has_an_account(invited: OnFakes) -> None:
    ada = await invited.client.sign_up(invitation=await an_invitation(invited))
    assert await refused(invited, email=ada["email"]) == (403, "invalid_invitation")


async def test_a_sign_up_without_a_good_invitation_costs_no_hash(
    invited: OnFakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords = type(invited.application.passwords)
    monkeypatch.setattr(passwords, "hash", lambda *_: pytest.fail("a hash was computed"))
    assert await refused(invited) == (403, "invalid_invitation")


async def test_refused_ones_count_against_the_limit_of_sign_ups(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(**INVITED, throttle={"exempt": [], "signup_source": "2/1h"})
    assert [(await refused(fakes))[0] for _ in range(3)] == [403, 403, 429]


async def test_an_outage_of_a_sign_up_leaves_its_invitation_good(
    invited: OnFakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await an_invitation(invited)
    with monkeypatch.context() as broken:
        broken.setattr(invited.users, "add", away)
        assert await refused(invited, invitation=token) == (503, "unavailable")
    with monkeypatch.context() as broken:
        broken.setattr(type(invited.application.invitations.store), "find", away)
        assert await refused(invited, invitation=token) == (503, "unavailable")
    await invited.client.sign_up(invitation=token)


async def away(*_: object) -> None:
    raise OSError


# --- by mail


async def test_who_uses_the_link_of_a_mail_has_proved_the_address(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(**INVITED, mail=MAIL | {"verification": "required"})
    postbox = Postbox(fakes.application)
    await fakes.application.invitations.invite(ADA, WEEK, by_mail=True)
    letter = await postbox.one()
    assert (letter.recipient, letter.template) == (ADA, "invitation")
    link = urlsplit(letter.values["link"])
    assert (link.path, link.query[:14]) == ("/sign-up", "invitation=iv_")
    person = await fakes.client.sign_up(email=ADA, invitation=link.query.removeprefix("invitation="))
    user = fakes.users.rows[UUID(person["userId"])]
    assert (user.email_verified_at, user.must_prove_address) == (fakes.ambient.now(), False)
    tokens = await fakes.client.log_in(person)
    assert builders.claims_of(tokens["idToken"])["email_verified"] is True
    assert await postbox.collect() == [], "no other mail asks for a proof"


async def test_a_link_that_an_operator_has_seen_proves_nothing(invited: OnFakes) -> None:
    person = await invited.client.sign_up(email=ADA, invitation=await an_invitation(invited, ADA))
    assert invited.users.rows[UUID(person["userId"])].email_verified_at is None


async def test_a_mail_whose_invitation_is_over_is_not_sent(invited: OnFakes) -> None:
    postbox = Postbox(invited.application)
    one = await invited.application.invitations.invite(ADA, WEEK, by_mail=True)
    await invited.application.invitations.end(one.id)
    assert await postbox.collect() == []


async def test_an_invitation_is_mailed_again_with_the_same_link(invited: OnFakes) -> None:
    invitations, postbox = invited.application.invitations, Postbox(invited.application)
    one = await invitations.invite(ADA, WEEK, by_mail=True)
    first = await postbox.one()
    events = heard(invited)
    assert await invitations.send_again(one.id) == one
    assert [(event.reason, event.key_id) for event in events] == [(Reason.INVITATION_SENT, f"invitation:{one.id}")]
    assert (await postbox.one()).values == first.values
    printed = await invitations.invite("grace@example.com", WEEK, by_mail=False)
    assert await invitations.send_again(printed.id) is None  # whoever has the link may be somebody else
    invited.ambient.advance(days=8)
    assert await invitations.send_again(one.id) is None
    assert await invitations.send_again(invited.ambient.new_uuid()) is None
    assert await postbox.collect() == []


async def test_an_operator_cannot_invite_who_is_there_nor_mail_without_mail(fakes: OnFakes) -> None:
    ada = await fakes.client.sign_up()
    with pytest.raises(EmailTakenError):
        await fakes.application.invitations.invite(ada["email"].upper(), WEEK, by_mail=False)
    with pytest.raises(NotConfiguredError):
        await fakes.application.invitations.invite("new@example.com", WEEK, by_mail=True)
    with pytest.raises(emails.InvalidEmailError):
        await fakes.application.invitations.invite("nobody", WEEK, by_mail=False)
    assert await fakes.application.invitations.latest(10) == []


async def test_what_becomes_of_invitations_is_in_the_audit_trail(invited: OnFakes) -> None:
    events = heard(invited)
    token = await an_invitation(invited)
    person = await invited.client.sign_up(invitation=token)
    await refused(invited, invitation=token)
    (one,) = (await ended(invited), await invited.application.invitations.latest(10))[1] or (None,)
    assert one is None
    shown = [(event.name, event.outcome, event.reason) for event in events]
    assert shown == [
        (Name.TOKEN_CREATED, Outcome.SUCCESS, Reason.INVITATION_CREATED),
        (Name.USER_CREATED, Outcome.SUCCESS, Reason.INVITED),
        (Name.USER_CREATED, Outcome.FAILURE, Reason.NOT_INVITED),
        (Name.TOKEN_CREATED, Outcome.SUCCESS, Reason.INVITATION_CREATED),
        (Name.TOKEN_REVOKED, Outcome.SUCCESS, Reason.INVITATION_ENDED),
    ]
    assert events[1].user_id == UUID(person["userId"])
    used, later = f"invitation:{invited.application.invitations.links.named_in(token)}", events[3].key_id
    assert [event.key_id for event in events] == [used, used, "", later, later]
    assert used != later


async def test_an_earlier_secret_of_the_service_still_opens_its_invitations(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(**INVITED)
    token = await an_invitation(fakes)
    links = fakes.application.invitations.links
    seals = type(links.seals)
    earlier = type(links)(seals(["x" * 43, builders.SECRET], fakes.ambient), "https://auth.example.com")
    other = type(links)(seals(["x" * 43], fakes.ambient), "https://auth.example.com")
    assert earlier.named_in(token) == links.named_in(token) is not None
    assert other.named_in(token) is None


async def test_without_an_account_no_token_of_an_invitation_opens_anything(invited: OnFakes) -> None:
    token = await an_invitation(invited)
    answer = await invited.client.get("/auth/me", **bearer({"idToken": token}))
    assert answer.status == 401
