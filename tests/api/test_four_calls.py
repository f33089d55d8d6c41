"""Part A of the wire contract: sign up, log in, refresh, log out."""

import json
from uuid import UUID

import pytest

from service.ambient import Ambient
from service.domain.credentials.api_keys import ApiKey
from tests.conftest import Client, MakeOnFakes, OnFakes, bearer, problem
from tests.support.builders import PASSWORD, part, sign_up_body


async def test_sign_up_answers_with_an_id_and_a_key_and_nothing_else(client: Client) -> None:
    answer = await client.post("/auth/signup", sign_up_body())
    assert answer.status == 201
    body = await answer.json()
    assert body.keys() == {"message", "userId", "apiKey"}
    assert UUID(body["userId"]).version == 4
    assert ApiKey.parse(body["apiKey"])
    assert answer.headers["Cache-Control"] == "no-store"


async def test_login_answers_with_the_contract_s_fields_and_no_others(client: Client) -> None:
    person = await client.sign_up(email="  Ada@Example.COM ", firstName=" Ada ")
    tokens = await client.log_in(person)
    assert tokens.keys() == {"idToken", "accessToken", "refreshToken", "apiKey", "firstName", "lastName", "email"}
    assert tokens["email"] == "Ada@Example.COM"
    assert tokens["firstName"] == "Ada"
    assert tokens["apiKey"] == person["apiKey"]


async def test_the_tokens_carry_the_field_s_standard_claims(fakes: OnFakes) -> None:
    person = await fakes.client.sign_up(email="Ada@example.com")
    tokens = await fakes.client.log_in(person)
    said = json.loads(part(tokens["idToken"], 1))
    also = json.loads(part(tokens["accessToken"], 1))
    now = int(fakes.ambient.now().timestamp())
    shared = {
        "iss": "http://127.0.0.1:8080",
        "sub": person["userId"],
        "iat": now,
        "exp": now + 3600,
        "auth_time": now,
        "origin_jti": said["origin_jti"],
    }
    assert said == shared | {
        "token_use": "id",
        "aud": "tokenhouse",
        "jti": said["jti"],
        "email": "Ada@example.com",
        "email_verified": False,
        "given_name": "Ada",
        "family_name": "Lovelace",
        "cognito:username": person["userId"],
    }
    assert also == shared | {
        "token_use": "access",
        "client_id": "tokenhouse",
        "scope": "aws.cognito.signin.user.admin",
        "username": person["userId"],
        "jti": also["jti"],
    }
    assert said["jti"] != also["jti"]


async def test_the_header_names_the_algorithm_and_the_published_key(client: Client) -> None:
    tokens = await client.log_in(await client.sign_up())
    keys = (await (await client.get("/.well-known/jwks.json")).json())["keys"]
    for token in (tokens["idToken"], tokens["accessToken"]):
        assert json.loads(part(token, 0)) == {"typ": "JWT", "alg": "RS256", "kid": keys[0]["kid"]}


async def test_two_spellings_of_an_address_are_one_account(client: Client) -> None:
    person = await client.sign_up(email="User@Example.com")
    answer = await client.post("/auth/signup", sign_up_body(email="user@example.com"))
    assert answer.status == 409
    assert problem(await answer.text())["code"] == "email_taken"
    await client.log_in(person | {"email": " uSER@eXAMPLE.com"})


async def test_every_byte_of_a_long_password_counts(client: Client) -> None:
    person = await client.sign_up(password="Aa1!" + "x" * 68 + "y")
    await client.log_in(person)
    answer = await client.post("/auth/login", {"email": person["email"], "password": "Aa1!" + "x" * 68 + "z"})
    assert answer.status == 401


async def test_a_password_may_be_typed_composed_or_decomposed(client: Client) -> None:
    person = await client.sign_up(password="S\u00e9curePass1!")
    await client.log_in(person | {"password": "Se\u0301curePass1!"})


async def test_a_stranger_and_a_wrong_password_get_the_same_answer(client: Client) -> None:
    person = await client.sign_up()
    answers = []
    for email, password in (
        (person["email"], "WrongPass1!"),
        ("nobody@example.com", PASSWORD),
        ("no address", PASSWORD),
    ):
        answer = await client.post("/auth/login", {"email": email, "password": password}, **{"X-Request-Id": "same"})
        assert answer.status == 401
        answers.append((await answer.text(), sorted(pair for pair in answer.headers.items() if pair[0] != "Date")))
    assert answers[0] == answers[1] == answers[2]
    assert problem(answers[0][0])["code"] == "invalid_credentials"


async def test_a_disabled_account_logs_in_as_a_wrong_password_does(fakes: OnFakes) -> None:
    person = await fakes.client.sign_up()
    tokens = await fakes.client.log_in(person)
    assert await fakes.application.accounts.disable(person["email"].upper())
    answer = await fakes.client.post("/auth/login", {"email": person["email"], "password": person["password"]})
    assert problem(await answer.text())["code"] == "invalid_credentials"
    assert (await fakes.client.me(tokens)).status == 401
    assert (await fakes.client.refresh(tokens)).status == 401
    assert (await fakes.client.get("/auth/me", **{"x-api-key": person["apiKey"]})).status == 401
    assert await fakes.application.accounts.enable(person["email"])
    await fakes.client.log_in(person)


async def test_a_refresh_gives_new_tokens_of_the_same_session(fakes: OnFakes) -> None:
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    fakes.ambient.advance(minutes=50)
    answer = await fakes.client.refresh(tokens)
    assert answer.status == 200
    renewed = await answer.json()
    assert renewed.keys() == {"idToken", "accessToken"}
    old, new = json.loads(part(tokens["idToken"], 1)), json.loads(part(renewed["idToken"], 1))
    assert new["origin_jti"] == old["origin_jti"]
    assert new["auth_time"] == old["auth_time"]
    assert new["jti"] != old["jti"]
    assert new["exp"] == old["exp"] + 50 * 60
    assert (await fakes.client.refresh(tokens)).status == 200  # the refresh token stays valid


async def test_an_id_token_is_over_after_an_hour_and_a_refresh_helps(fakes: OnFakes) -> None:
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    fakes.ambient.advance(hours=1, seconds=5)
    answer = await fakes.client.me(tokens)
    assert answer.status == 401
    assert problem(await answer.text())["code"] == "invalid_token"
    renewed = await (await fakes.client.refresh(tokens)).json()
    assert (await fakes.client.me(renewed)).status == 200


async def test_a_refresh_never_moves_the_absolute_end_of_a_session(fakes: OnFakes) -> None:
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    for _ in range(5):
        fakes.ambient.advance(days=5)
        assert (await fakes.client.refresh(tokens)).status == 200
    fakes.ambient.advance(days=5, seconds=1)
    answer = await fakes.client.refresh(tokens)
    assert problem(await answer.text())["code"] == "invalid_refresh_token"


async def test_logout_ends_every_token_of_the_session_and_of_no_other(client: Client) -> None:
    person = await client.sign_up()
    tokens, other = await client.log_in(person), await client.log_in(person)
    renewed = await (await client.refresh(tokens)).json()
    answer = await client.log_out(tokens)
    assert answer.status == 200
    assert (await answer.json()).keys() == {"message"}
    assert (await client.me(tokens)).status == 401
    assert (await client.me(renewed)).status == 401
    assert (await client.refresh(tokens)).status == 401
    assert (await client.log_out(tokens)).status == 401
    assert (await client.me(other)).status == 200


async def test_logout_takes_an_access_token_that_has_expired(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(tokens={"access_lifetime": "5m"})
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    fakes.ambient.advance(minutes=10)
    assert (await fakes.client.log_out(tokens)).status == 200


async def test_logout_refuses_tokens_of_two_sessions(client: Client) -> None:
    person = await client.sign_up()
    one, two = await client.log_in(person), await client.log_in(person)
    answer = await client.log_out(one | {"accessToken": two["accessToken"]})
    assert answer.status == 403
    assert problem(await answer.text())["code"] == "token_mismatch"
    assert (await client.me(one)).status == 200


@pytest.mark.parametrize("what", ["idToken", "refreshToken", "apiKey"])
async def test_logout_refuses_what_is_no_access_token(client: Client, what: str) -> None:
    tokens = await client.log_in(await client.sign_up())
    answer = await client.log_out(tokens | {"accessToken": tokens[what]})
    assert answer.status == 400
    said = await answer.text()
    assert problem(said)["code"] == "invalid_access_token"
    assert tokens[what] not in said


async def test_the_oldest_session_ends_when_a_user_has_more_than_twenty(fakes: OnFakes) -> None:
    client = fakes.client
    person = await client.sign_up()
    held = []
    for _ in range(21):
        fakes.ambient.advance(seconds=1)
        held.append(await client.log_in(person))
    assert (await client.me(held[0])).status == 401
    assert (await client.refresh(held[0])).status == 401
    assert (await client.me(held[1])).status == 200
    assert (await client.me(held[20])).status == 200


async def test_a_user_is_told_about_themselves_by_id_token_and_by_api_key(client: Client) -> None:
    person = await client.sign_up(email="Ada@Example.com")
    tokens = await client.log_in(person)
    by_token, by_key = await client.me(tokens), await client.get("/auth/me", **{"x-api-key": person["apiKey"]})
    said = await by_token.json()
    assert said == await by_key.json()
    assert said == {
        "userId": person["userId"],
        "email": "Ada@Example.com",
        "firstName": "Ada",
        "lastName": "Lovelace",
        "createdAt": "2026-11-24T12:00:00Z",
    }


async def test_an_api_key_is_no_session(client: Client) -> None:
    person = await client.sign_up()
    tokens = await client.log_in(person)
    answer = await client.post(
        "/auth/logout", {"accessToken": tokens["accessToken"]}, **{"x-api-key": person["apiKey"]}
    )
    assert problem(await answer.text())["code"] == "invalid_token"
    assert (await client.get("/auth/me", Authorization=f"Bearer {person['apiKey']}")).status == 401
    assert (await client.refresh({"refreshToken": person["apiKey"]})).status == 401


async def test_an_api_key_with_a_typo_is_refused(client: Client) -> None:
    person = await client.sign_up()
    key = person["apiKey"]
    for wrong in (
        key[:-1],
        key + "0",
        key[:10] + ("0" if key[10] != "0" else "1") + key[11:],
        ApiKey.make(Ambient()).text,
    ):
        answer = await client.get("/auth/me", **{"x-api-key": wrong})
        assert answer.status == 401
        assert wrong not in await answer.text()


async def test_a_refresh_token_that_is_changed_in_any_way_is_refused(client: Client) -> None:
    tokens = await client.log_in(await client.sign_up())
    good = tokens["refreshToken"]
    for wrong in (
        good[:-1],
        good + "A",
        good.replace("rt_", "RT_"),
        good[:20] + ("-" if good[20] != "-" else "_") + good[21:],
        good[:-1] + "*",
        "rt_",
    ):
        answer = await client.refresh({"refreshToken": wrong})
        assert answer.status == 401
        assert problem(await answer.text())["code"] == "invalid_refresh_token"
    assert (await client.refresh(tokens)).status == 200


async def test_a_bearer_token_works_for_nothing_but_what_it_is(client: Client) -> None:
    tokens = await client.log_in(await client.sign_up())
    answer = await client.get("/auth/me", **bearer({"idToken": tokens["accessToken"]}))
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
