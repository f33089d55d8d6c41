"""Accounts that came from another system, with its hashes or without a password."""

from dataclasses import replace
from typing import Any

import pytest

from service.domain.foreign_hashes import spellings
from tests.conftest import OnFakes, bearer
from tests.support import foreign_vectors as vectors

TYPED = "Imported-1!"
CHEAP = "$pbkdf2-sha256$i=1000$MDEyMzQ1Njc4OWFiY2RlZg$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


async def moved_in(fakes: OnFakes, stored: str) -> dict[str, Any]:
    person = await fakes.client.sign_up()
    for user_id, user in fakes.users.rows.items():
        if user.email == person["email"]:
            fakes.users.rows[user_id] = replace(user, password_hash=stored)
    return {**person, "password": vectors.PASSWORD}


def stored(fakes: OnFakes, person: dict[str, Any]) -> str:
    return next(user.password_hash for user in fakes.users.rows.values() if user.email == person["email"])


@pytest.mark.parametrize("name", ["pbkdf2_sha256", "argon2", "scrypt", "bcrypt_sha256", "bcrypt"])
async def test_the_right_password_logs_in_and_is_kept_as_ours(fakes: OnFakes, name: str) -> None:
    person = await moved_in(fakes, spellings.of_django(vectors.DJANGO[name]))
    await fakes.client.log_in(person)
    assert stored(fakes, person).startswith("$bcrypt-sha256$")
    await fakes.client.log_in(person)


async def test_a_wrong_password_is_answered_as_any_and_replaces_nothing(fakes: OnFakes) -> None:
    person = await moved_in(fakes, CHEAP)
    wrong = await fakes.client.post("/auth/login", {"email": person["email"], "password": TYPED})
    unknown = await fakes.client.post("/auth/login", {"email": "nobody@example.com", "password": TYPED})
    assert wrong.status == unknown.status == 401
    told, of_unknown = await wrong.json(), await unknown.json()
    assert {**told, "requestId": ""} == {**of_unknown, "requestId": ""}
    assert stored(fakes, person) == CHEAP


@pytest.mark.parametrize("typed", ["\0", "!", TYPED])
async def test_no_password_is_right_for_an_account_without_one(fakes: OnFakes, typed: str) -> None:
    person = await moved_in(fakes, "")
    answer = await fakes.client.post("/auth/login", {"email": person["email"], "password": typed})
    assert answer.status == 401
    assert stored(fakes, person) == ""


async def test_a_foreign_password_is_changed_as_any(fakes: OnFakes) -> None:
    person = await moved_in(fakes, spellings.of_django(vectors.DJANGO["pbkdf2_sha256"]))
    tokens = await fakes.client.log_in(person)
    body = {"currentPassword": vectors.PASSWORD, "newPassword": TYPED}
    answer = await fakes.client.post("/auth/password", body, **bearer(tokens))
    assert answer.status in (200, 204), await answer.text()
    await fakes.client.log_in({**person, "password": TYPED})
