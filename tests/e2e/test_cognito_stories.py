"""A whole story, told by each program that was written for Amazon Cognito, none of which was changed: two instances, one pool."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from redis.asyncio import Redis

from service.embedded import Stores
from tests.conftest import Serve, bearer
from tests.support.builders import claims_of
from tests.support.cognito_programs import BY_SRP, PROGRAMS, Program, ProgramRefusal, program
from tests.support.cognito_town import AuthenticatorApp, Town, town

ADA, FIRST, SECOND, THIRD = "ada@example.com", "SecurePass1!", "Another-Pass2!", "Yet-Another-Pass3!"


@pytest.fixture(params=PROGRAMS)
async def told(
    request: pytest.FixtureRequest,
    embedded: Stores,
    serve: Serve,
    redis: Redis,
    database: "asyncpg.Connection[asyncpg.Record]",
) -> AsyncIterator[tuple[Town, Program]]:
    async with (
        town(embedded, serve, cognito={"srp": request.param in BY_SRP}) as here,
        program(request.param, here.place) as one,
    ):
        yield here, one


async def refused(one: Program, verb: str, **given: str) -> str:
    with pytest.raises(ProgramRefusal) as refusal:
        await one.do(verb, **given)
    return refusal.value.kind


async def test_an_account_of_the_api_is_one_of_the_pool(told: tuple[Town, Program]) -> None:
    here, one = told
    person = await here.there.sign_up(email=ADA, password=FIRST)
    await here.there.log_in(person)  # from then on SRP knows the password
    tokens = await one.do("log_in", username=ADA, password=FIRST)
    user = await one.do("user")
    assert (user["id"], user["attributes"]["given_name"]) == (person["userId"], "Ada")
    assert (await here.there.me({"idToken": tokens["id"]})).status == 200
    assert await refused(one, "log_in", username=ADA, password=SECOND) == "NotAuthorizedException"
    assert await refused(one, "log_in", username="nobody@example.com", password=FIRST) == "NotAuthorizedException"


async def test_a_life_from_signing_up_to_leaving(told: tuple[Town, Program]) -> None:
    here, one = told
    # sign up, log in, be known
    ada = await one.do("sign_up", email=ADA, password=FIRST, given_name="Ada")
    assert await refused(one, "sign_up", email=ADA, password=FIRST, given_name="Ada") == "UsernameExistsException"
    assert await refused(one, "log_in", username=ADA, password=SECOND) == "NotAuthorizedException"
    tokens = await one.do("log_in", username="Ada@Example.com", password=FIRST)
    assert claims_of(tokens["id"])["sub"] == ada["id"]
    await one.do("update", name="family_name", value="Lovelace")
    user = await one.do("user")
    assert (user["id"], user["attributes"]["family_name"], user["preferred"]) == (ada["id"], "Lovelace", "")
    assert user["attributes"]["email"] == ADA
    me = await here.there.me({"idToken": tokens["id"]})
    assert (me.status, (await me.json())["lastName"]) == (200, "Lovelace")
    # another password
    await one.do("change_password", old=FIRST, password=SECOND)
    assert await refused(one, "change_password", old=FIRST, password=THIRD) == "NotAuthorizedException"
    # a forgotten one
    await one.do("forgot", username=ADA)
    code = await here.code_for(ADA)
    wrong = str(int(code) ^ 1).zfill(8)
    assert await refused(one, "reset", username=ADA, code=wrong, password=THIRD) == "CodeMismatchException"
    await one.do("reset", username=ADA, code=code, password=THIRD)
    assert (await here.there.me({"idToken": tokens["id"]})).status == 401
    assert await refused(one, "log_in", username=ADA, password=SECOND) == "NotAuthorizedException"
    await one.do("log_in", username=ADA, password=THIRD)
    assert (await one.do("user"))["attributes"]["email_verified"] == "true"
    # a second factor
    app = AuthenticatorApp((await one.do("associate"))["secret"])
    await one.do("enrol", code=app.code())
    assert (await one.do("user"))["preferred"] in ("SOFTWARE_TOKEN_MFA", "TOTP")
    answer = await here.there.post("/auth/login", {"email": ADA, "password": THIRD})
    assert (answer.status, (await answer.json())["code"]) == (401, "second_factor_required")
    assert (await one.do("log_in", username=ADA, password=THIRD))["challenge"] == "SOFTWARE_TOKEN_MFA"
    tokens = await one.do("answer", code=app.code())
    # new tokens of the same session
    renewed = await one.do("refresh")
    assert claims_of(renewed["access"])["origin_jti"] == claims_of(tokens["access"])["origin_jti"]
    assert claims_of(renewed["access"])["jti"] != claims_of(tokens["access"])["jti"]
    # the end: of every session, then of the account
    await one.do("sign_out_everywhere")
    assert (await here.there.me({"idToken": renewed["id"]})).status == 401


async def test_leaving_takes_the_account_along(told: tuple[Town, Program]) -> None:
    here, one = told
    await one.do("sign_up", email=ADA, password=FIRST, given_name="Ada")
    tokens = await one.do("log_in", username=ADA, password=FIRST)
    await one.do("delete")
    assert (await here.there.get("/auth/me", **bearer({"idToken": tokens["id"]}))).status == 401
    assert (await here.there.post("/auth/login", {"email": ADA, "password": FIRST})).status == 401
    await one.do("sign_up", email=ADA, password=SECOND, given_name="Ada")
