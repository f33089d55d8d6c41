"""What a caller meets when it is wrong too often, and what the others do not feel of it."""

import asyncio

import pytest

from tests.conftest import Client, MakeOnFakes, OnFakes, problem
from tests.support.builders import PASSWORD, sign_up_body

QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"


@pytest.fixture
async def limited(on_fakes: MakeOnFakes) -> OnFakes:
    """The default limits, behind a proxy on loopback, so that a test can be many sources."""
    return await on_fakes(throttle={"exempt": []}, server={"trusted_proxies": ["127.0.0.0/8"]})


def of(source: str) -> dict[str, str]:
    return {"X-Forwarded-For": source}


async def try_login(client: Client, email: str, password: str, source: str) -> int:
    answer = await client.post("/auth/login", {"email": email, "password": password}, **of(source))
    await answer.read()
    return answer.status


async def test_the_sixth_wrong_password_is_refused_and_told_when_to_come_back(limited: OnFakes) -> None:
    person = await limited.client.sign_up()
    codes = [await try_login(limited.client, person["email"], "Wrong1!x", "192.0.2.1") for _ in range(5)]
    assert codes == [401] * 5
    answer = await limited.client.post(
        "/auth/login", {"email": person["email"], "password": "Wrong1!x"}, **of("192.0.2.1")
    )
    said = problem(await answer.text())
    assert (answer.status, said["code"], said["type"]) == (429, "rate_limited", QUOTA_EXCEEDED)
    assert 55 <= int(answer.headers["Retry-After"]) <= 60
    assert answer.headers["RateLimit-Policy"] == '"login-source";q=20;w=300'
    assert answer.headers["RateLimit"].startswith('"login-source";r=15;t=')
    assert answer.headers["Cache-Control"] == "no-store"
    assert said["violated-policies"] == ["login"]


async def test_a_stranger_meets_the_same_refusal_at_the_same_count(limited: OnFakes) -> None:
    person = await limited.client.sign_up()
    known = [await try_login(limited.client, person["email"], "Wrong1!x", "192.0.2.1") for _ in range(7)]
    unknown = [await try_login(limited.client, "nobody@example.com", "Wrong1!x", "192.0.2.2") for _ in range(7)]
    assert known == unknown


async def test_a_refused_login_costs_no_hash(limited: OnFakes) -> None:
    for _ in range(5):
        await try_login(limited.client, "nobody@example.com", "Wrong1!x", "192.0.2.1")
    before = limited.application.passwords.queue.hashes.count
    assert await try_login(limited.client, "nobody@example.com", "Wrong1!x", "192.0.2.1") == 429
    assert limited.application.passwords.queue.hashes.count == before


async def test_right_passwords_in_parallel_never_refuse_each_other(limited: OnFakes) -> None:
    person = await limited.client.sign_up()
    codes = await asyncio.gather(
        *(try_login(limited.client, person["email"], PASSWORD, "192.0.2.1") for _ in range(30))
    )
    assert set(codes) == {200}


async def test_a_stranger_cannot_lock_the_owner_out(limited: OnFakes) -> None:
    person = await limited.client.sign_up()
    assert await try_login(limited.client, person["email"], PASSWORD, "192.0.2.1") == 200
    strangers = [await try_login(limited.client, person["email"], "Wrong1!x", f"198.51.100.{n}") for n in range(30)]
    assert strangers[10:] == [429] * 20
    assert await try_login(limited.client, person["email"], PASSWORD, "203.0.113.9") == 429
    assert await try_login(limited.client, person["email"], PASSWORD, "192.0.2.1") == 200


async def test_every_address_of_an_ipv6_subscriber_is_one_source(limited: OnFakes) -> None:
    codes = [
        await try_login(limited.client, f"nobody{n}@example.com", "Wrong1!x", f"2001:db8:1:2::{n:x}") for n in range(21)
    ]
    assert codes == [401] * 20 + [429]
    assert await try_login(limited.client, "other@example.com", "Wrong1!x", "2001:db8:1:3::1") == 401


async def test_a_forwarded_address_is_not_believed_from_a_stranger(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(throttle={"exempt": []})
    codes = [await try_login(fakes.client, "nobody@example.com", "Wrong1!x", f"192.0.2.{n}") for n in range(6)]
    assert codes == [401] * 5 + [429]


async def test_sign_ups_of_a_source_are_limited(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(throttle={"exempt": [], "signup_source": "3/1h"})
    codes = [(await fakes.client.post("/auth/signup", sign_up_body())).status for _ in range(4)]
    assert codes == [201] * 3 + [429]
    answer = await fakes.client.post("/auth/signup", sign_up_body())
    assert answer.headers["RateLimit-Policy"] == '"signup-source";q=3;w=3600'


async def test_made_up_refresh_tokens_and_api_keys_are_limited(limited: OnFakes) -> None:
    made_up = "rt_" + "A" * 67
    codes = []
    for _ in range(12):
        answer = await limited.client.post("/auth/refresh", {"refreshToken": made_up}, **of("192.0.2.1"))
        codes.append(answer.status)
    assert codes == [401] * 10 + [429] * 2
    codes = [
        (await limited.client.get("/auth/me", **{"x-api-key": "ak_none"}, **of("192.0.2.1"))).status for _ in range(22)
    ]
    assert codes == [401] * 20 + [429] * 2


def made_up(number: int) -> dict[str, str]:
    return {"refreshToken": f"rt_{number:024}{'A' * 43}"}


async def test_made_up_refresh_tokens_do_not_stop_a_good_one_of_their_source(limited: OnFakes) -> None:
    client, here = limited.client, of("192.0.2.1")
    tokens = await client.log_in(await client.sign_up())
    good = {"refreshToken": tokens["refreshToken"]}
    codes = [(await client.post("/auth/refresh", made_up(number), **here)).status for number in range(150)]
    assert codes == [401] * 10 + [429] * 140
    assert (await client.post("/auth/refresh", good, **here)).status == 200
    at_once = (client.post("/auth/refresh", made_up(number) if number % 10 else good, **here) for number in range(150))
    answers = await asyncio.gather(*at_once)
    assert [answer.status for answer in answers[::10]] == [200] * 15
    assert {answer.status for number, answer in enumerate(answers) if number % 10} == {429}


async def test_good_refresh_tokens_of_a_source_are_limited_all_the_same(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(throttle={"exempt": [], "refresh_source": "5/1h"})
    person = await fakes.client.sign_up()
    held = [await fakes.client.log_in(person) for _ in range(7)]
    answers = await asyncio.gather(*(fakes.client.refresh(one) for one in held))
    assert sorted(answer.status for answer in answers) == [200] * 5 + [429] * 2


async def test_exempt_sources_and_a_switched_off_throttle_meet_no_limit(on_fakes: MakeOnFakes) -> None:
    for throttle in ({"exempt": ["127.0.0.1/32"]}, {"exempt": [], "enabled": False}):
        fakes = await on_fakes(throttle=throttle)
        codes = {await try_login(fakes.client, "nobody@example.com", "Wrong1!x", "192.0.2.1") for _ in range(25)}
        assert codes == {401}


async def test_a_full_hash_queue_refuses_at_once_and_says_when_there_is_room(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(passwords={"bcrypt_rounds": 10, "max_wait": "1ms", "workers": 1, "engine": "wheel"})
    login = {"email": "nobody@example.com", "password": "Wrong1!x"}
    answers = await asyncio.gather(*(fakes.client.post("/auth/login", login) for _ in range(12)))
    refused = [answer for answer in answers if answer.status == 503]
    assert 8 <= len(refused) <= 11
    assert {answer.status for answer in answers} == {401, 503}
    for answer in refused:
        assert problem(await answer.text())["code"] == "overloaded"
        assert int(answer.headers["Retry-After"]) >= 1
    tokens_need_no_queue = await fakes.client.get("/.well-known/jwks.json")
    assert tokens_need_no_queue.status == 200
