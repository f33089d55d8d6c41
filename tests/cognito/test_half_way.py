"""An instance that dies at any step of these operations leaves what a repeated call completes."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from service.assembly.application import Application
from service.domain.accounts.attributes import GivenAttributes, parsed
from service.domain.accounts.new_accounts import NewAccount
from service.domain.models import Caller
from tests.cognito.conftest import Ground, MakeGround
from tests.domain.test_killed_half_way import MOST_STEPS, VISITOR, Mortal, Story, instance, survives
from tests.support.builders import PASSWORD
from tests.support.cognito import CognitoFailure
from tests.support.cognito_members import NEW, Somebody, pairs
from tests.support.postbox import MAIL


async def dies(ground: Ground, mortal: Mortal, act: Callable[[Application], Awaitable[object]]) -> bool:
    """False: it survived."""
    story = Story(ground.fakes, {}, {}, {})

    async def change(application: Application, _: Story) -> None:
        await act(application)

    return not await survives(ground.fakes, mortal, change, story)


@pytest.fixture
async def ground(make_ground: MakeGround) -> Ground:
    return await make_ground({"confirm_signup": True}, mail=MAIL)


async def member(ground: Ground) -> Somebody:
    ada = Somebody(ground)
    await ada.postbox.collect()
    await ada.sign_up()
    await ada.of_client("ConfirmSignUp", ConfirmationCode=await ada.code())
    await ada.log_in()
    return ada


async def refusal(call: Awaitable[object]) -> str:
    """The kind of the error; empty for an answer."""
    try:
        await call
    except CognitoFailure as failure:
        return failure.kind
    return ""


async def caller(application: Application, ada: Somebody) -> Caller:
    return await application.sessions.authenticate_access(ada.access)


@pytest.mark.parametrize("after", [False, True])
async def test_a_sign_up_can_be_made_or_confirmed_after_it(ground: Ground, *, after: bool) -> None:
    outcomes = set()
    for steps in range(1, MOST_STEPS):
        ada, mortal = Somebody(ground), Mortal(steps, after=after)
        new = NewAccount(ada.email, PASSWORD, "", "")
        dead = await dies(ground, mortal, lambda one, new=new: one.recovery.sign_ups.sign_up(new, VISITOR))  # type: ignore[misc] # a default that binds
        outcomes.add(await refusal(ada.sign_up()))
        ground.fakes.ambient.advance(minutes=1)
        await ada.of_client("ResendConfirmationCode")
        letters = await ada.postbox.collect()
        await ada.of_client("ConfirmSignUp", ConfirmationCode=letters[-1].values["code"])
        await ada.log_in()
        mortal.bury()
        if not dead:
            break
    assert not dead
    assert outcomes == {"", "UsernameExists"}


@pytest.mark.parametrize("after", [False, True])
async def test_a_code_that_was_asked_for_is_good_or_another_one_is(ground: Ground, *, after: bool) -> None:
    for steps in range(1, MOST_STEPS):
        ada, mortal = await member(ground), Mortal(steps, after=after)
        dead = await dies(
            ground,
            mortal,
            lambda one, ada=ada: one.recovery.passwords.ask_code(ada.email, "", VISITOR),  # type: ignore[misc] # as above
        )
        if letters := await ada.postbox.collect():
            code = letters[-1].values["code"]
        else:
            await ada.of_client("ForgotPassword")
            code = await ada.code()
        await ada.of_client("ConfirmForgotPassword", ConfirmationCode=code, Password=NEW)
        mortal.bury()
        if not dead:
            break
    assert not dead
    assert steps > 3


@pytest.mark.parametrize("after", [False, True])
async def test_attributes_are_all_changed_or_none(ground: Ground, *, after: bool) -> None:
    outcomes = set()
    for steps in range(1, MOST_STEPS):
        ada, mortal = await member(ground), Mortal(steps, after=after)
        given = parsed([("email", f"next{steps}{after}@example.com"), ("given_name", "Ada"), ("nickname", "A.")])

        async def update(one: Application, ada: Somebody = ada, given: GivenAttributes = given) -> None:
            await one.recovery.attributes.update(await caller(one, ada), given, VISITOR)

        dead = await dies(ground, mortal, update)
        shown = await ada.attributes()
        waiting = await ground.fakes.email_changes.waiting(UUID(shown["sub"]))
        made = {"given_name" in shown, "nickname" in shown, waiting is not None}
        assert len(made) == 1
        outcomes |= made
        await ada.postbox.collect()
        ground.fakes.ambient.advance(minutes=1)
        attributes = pairs(email=given.email, given_name="Ada", nickname="A.")
        await ada.call("UpdateUserAttributes", UserAttributes=attributes)
        await ada.call("VerifyUserAttribute", AttributeName="email", Code=await ada.code())
        assert (await ada.attributes())["email"] == given.email
        mortal.bury()
        if not dead:
            break
    assert not dead
    assert outcomes == {True, False}


@pytest.mark.parametrize("after", [False, True])
async def test_a_user_is_deleted_or_can_be(ground: Ground, *, after: bool) -> None:
    outcomes = set()
    for steps in range(1, MOST_STEPS):
        ada, mortal = await member(ground), Mortal(steps, after=after)

        async def close(one: Application, ada: Somebody = ada) -> None:
            await one.accounts.close_by_session(await caller(one, ada), VISITOR)

        dead = await dies(ground, mortal, close)
        ground.fakes.ambient.advance(seconds=3)
        await ground.fakes.application.user_revocation.finish_overdue()
        outcomes.add(await refusal(ada.call("DeleteUser")))
        assert (await ada.refused("GetUser")).kind == "NotAuthorized"
        await ada.sign_up()
        mortal.bury()
        if not dead:
            break
    assert not dead
    assert outcomes == {"", "NotAuthorized"}


async def test_an_operation_costs_the_same_whoever_is_asked_for(make_ground: MakeGround) -> None:
    ground = await make_ground(mail=MAIL, throttle={"exempt": []})
    ada = Somebody(ground)
    await ada.sign_up()
    found = []
    for email in ("warm@example.com", ada.email, "nobody@example.com"):
        counting = Mortal(1_000, after=True)
        application = instance(ground.fakes, counting)
        await application.keys.load()
        before = counting.steps
        await application.recovery.passwords.ask_code(email, "", VISITOR)
        found.append(counting.steps - before)
        await application.passwords.close()
        application.tokens.close()
    assert found[1] == found[2]
