"""The sessions of browsers: what finds them, what renews and what ends them."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from service.domain.models import PAGE, Visitor
from service.domain.sessions.models import SignedIn
from service.domain.sessions.page_sessions import PageSessions, SignedInPage
from service.domain.sessions.refresh_tokens import PageToken, RefreshToken
from service.errors import AuthError, InvalidCredentialsError, InvalidRefreshTokenError
from service.stores import redis_keys
from tests.conftest import MakeOnFakes, OnFakes
from tests.support.builders import FakeAmbient

HERE = Visitor("203.0.113.7", "Firefox")


@pytest.fixture
async def fakes(on_fakes: MakeOnFakes) -> OnFakes:
    return await on_fakes(pages={"enabled": True, "session_lifetime": "3h", "idle_lifetime": "1h"})


@pytest.fixture
def pages(fakes: OnFakes) -> PageSessions:
    return fakes.application.page_sessions


@pytest.fixture
async def person(fakes: OnFakes) -> dict[str, Any]:
    return await fakes.client.sign_up()


async def sign_in(pages: PageSessions, person: dict[str, Any]) -> SignedIn:
    return await pages.login.with_password(person["email"], person["password"], HERE)


async def found(pages: PageSessions, cookie: str) -> SignedInPage:
    page = await pages.find(cookie)
    assert page
    return page


async def test_a_sign_in_opens_a_session_of_its_kind(
    pages: PageSessions, person: dict[str, Any], ambient: FakeAmbient
) -> None:
    page = await found(pages, (await sign_in(pages, person)).refresh_token)
    assert (page.session.kind, page.session.user_agent) == (PAGE, "Firefox")
    assert str(page.user.id) == person["userId"]
    assert (page.caller.user_id, page.caller.session_id) == (page.user.id, page.session.id)
    assert (page.session.ends_at - ambient.now()).total_seconds() == 3 * 3600


async def test_its_token_is_no_refresh_token_nor_the_other_way_round(
    pages: PageSessions, person: dict[str, Any], fakes: OnFakes
) -> None:
    token = (await sign_in(pages, person)).refresh_token
    with pytest.raises(InvalidRefreshTokenError):
        RefreshToken.parse(token)
    with pytest.raises(AuthError):
        await fakes.application.sessions.refresh(token.replace("ps_", "rt_", 1), HERE)
    tokens = await fakes.client.log_in(person)
    with pytest.raises(InvalidRefreshTokenError):
        PageToken.parse(tokens["refreshToken"])
    for cookie in (tokens["refreshToken"], tokens["refreshToken"].replace("rt_", "ps_", 1)):
        assert await pages.find(cookie) is None


def test_the_same_secret_has_another_digest_in_each_kind(ambient: FakeAmbient) -> None:
    page = PageToken.make("s" * 24, ambient)
    assert RefreshToken(page.session_id, page.secret).digest != page.digest


async def test_a_session_of_another_kind_with_the_same_digest_is_no_page(
    pages: PageSessions, fakes: OnFakes, person: dict[str, Any]
) -> None:
    """Whatever a store holds: the kind on record decides."""
    token = (await sign_in(pages, person)).refresh_token
    page = await found(pages, token)
    await fakes.redis.hdel(redis_keys.session(page.session.id), "k")
    assert await pages.find(token) is None


@pytest.mark.parametrize("cookie", ["", "ps_", "ps_x", "rt_" + "a" * 67, "ps_" + "a" * 67, "ps_" + "\u0661" * 67])
async def test_nonsense_finds_nothing_and_does_nothing(pages: PageSessions, cookie: str) -> None:
    assert await pages.find(cookie) is None
    await pages.use(cookie)


async def test_to_find_it_is_not_to_use_it(pages: PageSessions, person: dict[str, Any], ambient: FakeAmbient) -> None:
    token = (await sign_in(pages, person)).refresh_token
    opened = ambient.now()
    ambient.advance(minutes=59)
    assert (await found(pages, token)).session.last_used_at == opened
    await pages.use(token)
    assert (await found(pages, token)).session.last_used_at == ambient.now()
    ambient.advance(minutes=59)
    await pages.use(token)
    ambient.advance(minutes=59)
    await pages.use(token)
    ambient.advance(minutes=3)  # three hours after the sign-in
    assert await pages.find(token) is None


async def test_a_renewed_one_has_another_id_and_the_old_one_is_over(
    pages: PageSessions, person: dict[str, Any]
) -> None:
    token = (await sign_in(pages, person)).refresh_token
    before = await found(pages, token)
    renewed = (await pages.renew(before, HERE)).refresh_token
    after = await found(pages, renewed)
    assert after.session.id != before.session.id
    assert after.session.methods == before.session.methods
    assert await pages.find(token) is None


async def test_an_account_that_is_gone_is_not_renewed(
    pages: PageSessions, person: dict[str, Any], fakes: OnFakes
) -> None:
    page = await found(pages, (await sign_in(pages, person)).refresh_token)
    del fakes.users.rows[UUID(person["userId"])]
    with pytest.raises(InvalidCredentialsError):
        await pages.renew(page, HERE)


async def test_an_ended_one_stays_ended_for_a_request_that_was_under_way(
    pages: PageSessions, person: dict[str, Any]
) -> None:
    token = (await sign_in(pages, person)).refresh_token
    page = await found(pages, token)
    await asyncio.gather(pages.end(page), pages.end(page))
    await pages.use(token)
    assert await pages.find(token) is None
