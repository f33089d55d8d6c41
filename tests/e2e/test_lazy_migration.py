"""Lazy migration on the real stores."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from service.domain.foreign_hashes.elsewhere import marker_of
from tests.conftest import Instances
from tests.support.old_systems import PASSWORD, SECRET, VARIABLE, old_system

LOGINS = 20


@pytest.mark.parametrize("person", [{}, {"id": "7b1f2c9e-3f0a-4c52-9c0d-0a1b2c3d4e5f"}], ids=["new id", "its id"])
async def test_many_logins_at_once_of_one_unknown_user_make_one_account(
    instances: Instances,
    database: "asyncpg.Connection[asyncpg.Record]",
    monkeypatch: pytest.MonkeyPatch,
    person: dict[str, Any],
) -> None:
    monkeypatch.setenv(VARIABLE, SECRET)
    async with old_system(ada={**person, "groups": ["staff"], "emailVerified": True}) as old:
        chosen = {"url": old.url, "timeout": "10s", "concurrency": 200}
        here, there = await instances(2, lazy_migration=chosen)
        body = {"email": "ada@example.com", "password": PASSWORD}
        answers = await asyncio.gather(
            *((here, there)[number % 2].post("/auth/login", body) for number in range(LOGINS))
        )
        assert [answer.status for answer in answers] == [200] * LOGINS, [await one.text() for one in answers]
        asked = len(old.asked)
        rows = await database.fetch("SELECT id, groups, email_verified_at, password_hash FROM users")
        assert len(rows) == 1
        assert rows[0]["groups"] == ["staff"]
        if person:
            assert rows[0]["id"] == UUID(person["id"])
        tokens = await answers[0].json()
        assert (await there.me(tokens)).status == 200
        again = await here.post("/auth/login", body)
        assert (again.status, len(old.asked)) == (200, asked)


async def test_an_account_imported_without_a_hash_takes_the_password_once(
    instances: Instances, database: "asyncpg.Connection[asyncpg.Record]", monkeypatch: pytest.MonkeyPatch
) -> None:

    monkeypatch.setenv(VARIABLE, SECRET)
    async with old_system(ada={}) as old:
        [client] = await instances(1, lazy_migration={"url": old.url, "timeout": "10s"})
        person = await client.sign_up(email="ada@example.com")
        await database.execute("UPDATE users SET password_hash = $1", marker_of("ada@example.com"))
        body = {"email": person["email"], "password": PASSWORD}
        assert (await client.post("/auth/login", body)).status == 200
        assert (await client.post("/auth/login", body)).status == 200
        assert len(old.asked) == 1
        [row] = await database.fetch("SELECT password_hash FROM users")
        assert row["password_hash"].startswith("$bcrypt-sha256$")
