"""An instance that dies at any step of a recovery leaves the account as it was, or as it was to be; and what each costs.

The steps are the calls of the stores, as in test_killed_half_way.py.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from service.assembly.application import Application
from service.domain.mail.models import Kind, Letter
from service.domain.recovery.models import MailEvidence
from service.errors import InvalidCodeError
from tests.conftest import MakeOnFakes, OnFakes, bearer
from tests.domain.test_killed_half_way import MOST_STEPS, VISITOR, Mortal, Story, instance, survives
from tests.support.builders import PASSWORD
from tests.support.postbox import MAIL, Postbox, token_of

NEW = "EvenMoreSecure2?"
NEXT = "next@example.com"


class Recovering(Story):
    """Somebody with a mail, and a thief who has a session."""

    letter: Letter

    async def begin(self, step: str) -> None:
        postbox, client = Postbox(self.fakes.application), self.fakes.client
        await postbox.collect()
        if step == "reset":
            await client.post("/auth/forgot", {"email": self.person["email"]})
            self.letter = await postbox.one()
            return
        body = {"newEmail": NEXT, "password": PASSWORD}
        assert (await client.post("/auth/email", body, **bearer(self.mine))).status == 202
        self.letter = await postbox.one()
        if step == "undo":
            assert (await client.post("/auth/email/confirm", {"token": token_of(self.letter)})).status == 200
            self.letter = await postbox.one()
            self.thief = await client.log_in(self.person | {"email": NEXT})
            self.fakes.ambient.advance(seconds=10)

    def is_made(self, step: str) -> bool:
        (user,) = self.fakes.users.rows.values()
        if step == "confirm":
            return user.email == NEXT
        return user.password_changed_at != user.created_at

    @property
    def filed(self) -> list[Kind]:
        return [row.mail.kind for row in self.fakes.outbox.rows.values() if row.mail.kind is not Kind.NOTICE]


Act = Callable[[Application, str], Awaitable[object]]


async def reset(application: Application, token: str) -> object:
    return await application.recovery.passwords.reset(MailEvidence(token=token), NEW, VISITOR)


async def confirm(application: Application, token: str) -> object:
    return await application.recovery.addresses.confirm_link(token, None, VISITOR)


async def undo(application: Application, token: str) -> object:
    return await application.recovery.addresses.undo(token, VISITOR)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("act", "files"), [(reset, []), (confirm, [Kind.EMAIL_UNDO]), (undo, [Kind.RESET])])
async def test_wherever_an_instance_dies_the_change_is_whole_or_can_be_made_with_the_same_mail(
    on_fakes: MakeOnFakes, act: Act, files: list[Kind], *, after: bool
) -> None:
    fakes, step = await on_fakes(mail=MAIL), act.__name__
    outcomes = set()
    for steps in range(1, MOST_STEPS):
        story = await _story(fakes, step)
        mortal = Mortal(steps, after=after)

        async def change(application: Application, story: Story) -> None:
            assert isinstance(story, Recovering)
            await act(application, token_of(story.letter))

        story.survived = await survives(fakes, mortal, change, story)
        await story.another_instance_goes_on()
        made = story.is_made(step)
        outcomes.add(made)
        assert await story.thief_is_in() is not made
        assert story.filed == (files if made else [])
        await _again(fakes, act, story, made=made)
        assert not await story.thief_is_in()
        assert story.filed == files
        mortal.bury()
        if story.survived:
            break
    assert story.survived
    assert steps > 5
    assert outcomes == {False, True}


async def _story(fakes: OnFakes, step: str) -> Recovering:
    fakes.users.rows.clear()
    fakes.outbox.rows.clear()
    person = await fakes.client.sign_up()
    fakes.ambient.advance(seconds=1)
    story = Recovering(fakes, person, await fakes.client.log_in(person), await fakes.client.log_in(person))
    await story.begin(step)
    return story


async def _again(fakes: OnFakes, act: Act, story: Recovering, *, made: bool) -> None:
    """The same mail, shown to another instance: it works, or was used, which is said."""
    if made:
        with pytest.raises(InvalidCodeError):
            await act(fakes.application, token_of(story.letter))
    else:
        await act(fakes.application, token_of(story.letter))


# --- round trips


async def trips(fakes: OnFakes, ask: Callable[[Application], Awaitable[Any]]) -> int:
    counting = Mortal(1_000, after=True)
    application = instance(fakes, counting)
    await application.keys.load()
    before = counting.steps
    with suppress(InvalidCodeError):
        await ask(application)
    await application.passwords.close()
    application.tokens.close()
    return counting.steps - before


async def test_asking_costs_two_limiter_calls_and_one_row_whoever_is_asked_for(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(mail=MAIL, throttle={"exempt": []})
    person = await fakes.client.sign_up()
    found = [
        await trips(fakes, lambda application, email=email: application.recovery.passwords.ask(email, "", VISITOR))  # type: ignore[misc] # a default that binds
        for email in ("warm@example.com", person["email"], "nobody@example.com", "no address")
    ]
    assert found[1:] == [3] * 3  # before that, Redis does not know the script yet


async def test_a_wrong_code_costs_the_same_whoever_it_is_for(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(mail=MAIL, throttle={"exempt": []})
    asked, silent = await fakes.client.sign_up(), await fakes.client.sign_up()
    await fakes.client.post("/auth/forgot", {"email": asked["email"]})
    letters = await Postbox(fakes.application).collect()
    wrong = f"{(int(letters[-1].values['code']) + 1) % 10**8:08}"

    async def guess(email: str) -> int:
        evidence = MailEvidence(email=email, code=wrong)
        return await trips(fakes, lambda app: app.recovery.passwords.reset(evidence, NEW, VISITOR))

    await guess("warm@example.com")  # scripts are known from now on
    found = [await guess(email) for email in (asked["email"], silent["email"], "nobody@example.com", "no address")]
    assert found == [3] * 4  # the limits, the account, the code
