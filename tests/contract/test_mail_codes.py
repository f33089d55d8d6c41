"""Which mails are good for a user, on fakeredis and on Redis."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from service.domain.mail.models import Kind
from service.domain.recovery.models import TRIES, MailedCode, NoCode
from service.stores import redis_keys
from service.stores.mail_codes import RedisMailCodes
from service.stores.scripts import Scripts
from tests.support.builders import NOON, FakeAmbient

LIFE = timedelta(minutes=15)
KIND = Kind.RESET
AMBIENT = FakeAmbient()
USER = AMBIENT.new_uuid()


@pytest.fixture
def codes(redis_client: Redis) -> RedisMailCodes:
    return RedisMailCodes(redis_client, Scripts(redis_client))


def a_code(**span: float) -> MailedCode:
    return MailedCode(AMBIENT.new_uuid(), NOON + timedelta(**span), "state", "subject", timedelta(seconds=61))


async def test_a_mail_is_remembered_to_the_microsecond_for_one_user_and_kind(codes: RedisMailCodes) -> None:
    code = a_code(microseconds=123_457)
    assert await codes.put(USER, KIND, code, LIFE)
    assert await codes.get(USER, KIND) == code
    assert await codes.get(USER, Kind.VERIFY) is None
    assert await codes.get(AMBIENT.new_uuid(), KIND) is None


async def test_a_mail_whose_code_lives_as_long_as_its_kind_says_so(codes: RedisMailCodes) -> None:
    code = replace(a_code(), life=None)
    await codes.put(USER, KIND, code, LIFE)
    assert await codes.get(USER, KIND) == code


async def test_it_lives_as_long_as_it_is_told(codes: RedisMailCodes, redis_client: Redis) -> None:
    await codes.put(USER, KIND, a_code(), LIFE)
    left = await redis_client.pttl(redis_keys.code(USER, KIND.value))
    assert 0 < left <= LIFE.total_seconds() * 1000
    await codes.attempt(USER, KIND)
    assert 0 < await redis_client.pttl(redis_keys.code(USER, KIND.value)) <= left


async def test_a_newer_mail_replaces_an_older_one_and_not_the_other_way_round(codes: RedisMailCodes) -> None:
    older, newer = a_code(), a_code(microseconds=1)
    assert await codes.put(USER, KIND, older, LIFE)
    assert await codes.put(USER, KIND, newer, LIFE)
    assert not await codes.put(USER, KIND, older, LIFE)
    assert await codes.get(USER, KIND) == newer


async def test_there_are_five_tries_and_the_same_mail_again_brings_no_more(codes: RedisMailCodes) -> None:
    code = a_code()
    await codes.put(USER, KIND, code, LIFE)
    tries = [await codes.attempt(USER, KIND) for _ in range(3)]
    assert await codes.put(USER, KIND, replace(code, state="another"), LIFE)
    tries += [await codes.attempt(USER, KIND) for _ in range(3)]
    assert tries == [code] * TRIES + [NoCode.NO_TRIES_LEFT]
    assert await codes.get(USER, KIND) == code
    assert await codes.put(USER, KIND, a_code(seconds=1), LIFE)
    assert await codes.attempt(USER, KIND)


async def test_tries_in_parallel_are_five_as_well(codes: RedisMailCodes) -> None:
    await codes.put(USER, KIND, a_code(), LIFE)
    tries = await asyncio.gather(*(codes.attempt(USER, KIND) for _ in range(20)))
    assert tries.count(NoCode.NO_TRIES_LEFT) == len(tries) - TRIES


async def test_a_try_is_given_back_to_the_mail_that_it_was_for(codes: RedisMailCodes) -> None:
    code = a_code()
    await codes.put(USER, KIND, code, LIFE)
    for _ in range(TRIES):
        await codes.attempt(USER, KIND)
    await codes.give_back(USER, KIND, AMBIENT.new_uuid())
    assert await codes.attempt(USER, KIND) is NoCode.NO_TRIES_LEFT
    await codes.give_back(USER, KIND, code.mail_id)
    assert [await codes.attempt(USER, KIND) for _ in range(2)] == [code, NoCode.NO_TRIES_LEFT]


async def test_no_more_tries_are_given_back_than_there_were(codes: RedisMailCodes) -> None:
    code = a_code()
    await codes.put(USER, KIND, code, LIFE)
    await codes.give_back(USER, KIND, code.mail_id)
    tries = [await codes.attempt(USER, KIND) for _ in range(TRIES + 1)]
    assert tries[-1] is NoCode.NO_TRIES_LEFT


async def test_a_mail_that_is_removed_is_gone(codes: RedisMailCodes, redis_client: Redis) -> None:
    code = a_code()
    await codes.put(USER, KIND, code, LIFE)
    await codes.remove(USER, KIND)
    assert await codes.get(USER, KIND) is None
    assert await codes.attempt(USER, KIND) is NoCode.NONE
    await codes.give_back(USER, KIND, code.mail_id)
    assert await redis_client.keys() == []
