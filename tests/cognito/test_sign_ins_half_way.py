"""An instance that dies at any step of a sign-in, or of the end of one, lets nobody in and keeps nobody out."""

import pytest

from service.assembly.application import Application
from service.domain.models import Visitor
from service.domain.sessions.sign_in_sessions import Step
from service.errors import InvalidChallengeError, InvalidCodeError
from tests.cognito.conftest import Ground, MakeGround
from tests.domain.test_killed_half_way import Story, die_at_each_step
from tests.support.builders import PASSWORD
from tests.support.postbox import prove
from tests.support.sign_ins import MAILED, mailed_code, refusal

VISITOR = Visitor("127.0.0.1")


@pytest.mark.parametrize("after", [False, True])
async def test_a_sign_in_by_mail_that_died_half_way_can_go_on_or_is_begun_again(
    make_ground: MakeGround, *, after: bool
) -> None:
    ground = await make_ground(**MAILED)
    held: dict[str, tuple[str, str]] = {}

    async def sign_in(application: Application, story: Story) -> None:
        email = story.person["email"]
        prove(ground.fakes.users, story.person)
        await ground.fakes.redis.delete(*[key async for key in ground.fakes.redis.scan_iter("th:limit:*")] or ["x"])
        facts = await ground.fakes.application.email_login.ask(email, VISITOR)
        text = ground.fakes.application.sign_ins.begin(Step.EMAIL_CODE, email, "", facts)
        held[email] = text, await mailed_code(ground)
        session = application.sign_ins.open(text, email, "", Step.EMAIL_CODE)
        await application.email_login.with_code(session, email, held[email][1], VISITOR)

    async def judge(story: Story) -> None:
        email = story.person["email"]
        text, code = held[email]
        here = ground.fakes.application
        session = here.sign_ins.open(text, email, "", Step.EMAIL_CODE)
        try:
            await here.email_login.with_code(session, email, code, VISITOR)
        except InvalidChallengeError:
            again = await here.email_login.ask(email, VISITOR)
            session = here.sign_ins.open(
                here.sign_ins.begin(Step.EMAIL_CODE, email, "", again), email, "", Step.EMAIL_CODE
            )
            assert await here.email_login.with_code(session, email, await mailed_code(ground), VISITOR)
        except InvalidCodeError:
            raise AssertionError from None
        else:
            assert not story.survived
        with pytest.raises(InvalidChallengeError):
            await here.sign_ins.count_try(here.sign_ins.open(text, email, "", Step.EMAIL_CODE))

    assert await die_at_each_step(ground.fakes, sign_in, judge, after=after) > 5


@pytest.mark.parametrize("door", ["RevokeToken", "/auth/revoke"])
@pytest.mark.parametrize("after", [False, True])
async def test_a_revocation_that_died_half_way_can_be_asked_for_again(
    ground: Ground, *, after: bool, door: str
) -> None:
    async def end(application: Application, token: str) -> None:
        if door == "RevokeToken":
            await application.sessions.end_by_refresh_token(token, VISITOR)
        else:
            await application.introspection.revoke(token, VISITOR)

    async def revoke(application: Application, story: Story) -> None:
        await end(application, story.mine["refreshToken"])

    async def judge(story: Story) -> None:
        token = story.mine["refreshToken"]
        if not story.survived:
            await end(ground.fakes.application, token)
        await refusal(ground.cognito.initiate("REFRESH_TOKEN", REFRESH_TOKEN=token))
        assert (await ground.client.me(story.mine)).status == 401
        assert await ground.cognito.log_in(story.person["email"], PASSWORD)

    assert await die_at_each_step(ground.fakes, revoke, judge, after=after) > 2
