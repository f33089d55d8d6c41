"""Everybody moves into an installation of its own by command: an empty database, another secret."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import bcrypt

from service.ambient import Ambient
from service.assembly.application import build
from service.domain.foreign_hashes import spellings
from service.embedded import Stores
from service.stores.postgres import Postgres
from service.stores.webhook_cursors import PostgresTrailCursors
from tests.conftest import Client, Instances, Serve, real_settings
from tests.support import foreign_vectors as vectors
from tests.support.builders import claims_of
from tests.support.databases import Command, empty_database
from tests.support.moving import MOVES, lines
from tests.support.waiting import PATIENCE

MANY = 5_000
OTHER_SECRET = "0therSecret-4E1fJx7Zc0WkTgV9aHdLpOi-XeKvYtBn2w"
SALT, DIGEST = vectors.FIREBASE_SALT, vectors.FIREBASE_HASH
FIREBASE = spellings.of_firebase(vectors.FIREBASE_SIGNER_KEY, vectors.FIREBASE_SEPARATOR, 8, 14)(SALT, DIGEST)
BCRYPT = bcrypt.hashpw(vectors.PASSWORD.encode(), bcrypt.gensalt(4)).decode()[4:]
HASHES = {
    **{name.replace(" ", "-"): spellings.of_django(text) for name, text in vectors.DJANGO.items()},
    **vectors.ARGON2,
    **{kind: f"${kind}${BCRYPT}" for kind in ("2a", "2b", "2y")},
}
ROWS = f"SELECT {', '.join(MOVES)}, disabled_at IS NULL AS is_open FROM users ORDER BY id"  # noqa: S608 - our columns
WHOLE = {
    "email": "Whole@example.com",
    "firstName": "Ünï",
    "lastName": "O'Neil",
    "passwordHash": FIREBASE,
    "emailVerifiedAt": "2024-02-01T10:00:00.123456+00:00",
    "createdAt": "2023-02-01T10:00:00.654321+00:00",
    "groups": ["b", "a"],
    "language": "de-AT",
    "attributes": {"nickname": 'A "\\ä', "phone_number": "+4312345"},
    "claims": {"plan": "grün", "seats": 3, "on": [True, {"x": "y"}]},
}


async def rows(url: str) -> list[dict[str, Any]]:
    connection = await asyncpg.connect(url)
    try:
        return [dict(row) for row in await connection.fetch(ROWS)]
    finally:
        await connection.close()


async def refusal(client: Client, email: str, password: str) -> str:
    answer = await client.post("/auth/login", {"email": email, "password": password})
    return str((await answer.json())["code"])


async def test_everybody_moves_into_an_empty_database_under_another_secret(
    embedded: Stores,
    instances: Instances,
    serve: Serve,
    command: Command,
    tmp_path: Path,
) -> None:
    [old] = await instances(1)
    ours, closed = await old.sign_up(firstName="Äda"), await old.sign_up()
    await command("users", "disable", closed["email"])
    file = tmp_path / "accounts.jsonl"
    unproved = {"email": "unproved@example.com", "passwordHash": HASHES["2b"], "mustProveAddress": True}
    people = [{"email": f"{name}@example.com", "passwordHash": stored} for name, stored in HASHES.items()]
    file.write_bytes(lines(*people, WHOLE, unproved, {"email": "nothing@example.com"}))
    assert (await command("users", "import", str(file), "--format", "jsonl"))[0] == 0
    before = await rows(embedded.postgres.url)
    [whole] = [str(row["id"]) for row in before if row["email"] == WHOLE["email"]]
    _, exported, _ = await command("users", "export", "--with-hashes")
    file.write_text(exported)
    async with empty_database(embedded) as url:
        there = {
            "TOKENHOUSE_DATABASE__URL": url,
            "TOKENHOUSE_SECRET_KEY": OTHER_SECRET,
            "TOKENHOUSE_TOKENS__CLAIMS": "plan,seats",
        }
        assert (await command("migrate", **there))[0] == 0
        application = build(real_settings(embedded), Ambient())  # the environment comes first
        assert application.settings.secret_key.get_secret_value() == OTHER_SECRET
        try:
            await application.open()
            new = await serve(application)
            status, said, _ = await command("users", "import", str(file), "--format", "jsonl")
            assert (status, said) == (
                0,
                f"added: {len(before)} (1 without a password), there already: 0, refused: 0\n",
            )
            assert await rows(url) == before
            again = (await command("users", "import", str(file), "--format", "jsonl"))[1]
            assert again == f"added: 0 (0 without a password), there already: {len(before)}, refused: 0\n"
            await new.log_in(ours)
            for name in HASHES:
                person = {"email": f"{name}@example.com", "password": vectors.PASSWORD}
                assert (await new.post("/auth/login", {**person, "password": "Wrong-Pass1!"})).status == 401
                await new.log_in(person)
            tokens = await new.log_in({"email": "whole@example.com", "password": vectors.FIREBASE_PASSWORD})
            claims = claims_of(tokens["idToken"])
            assert (claims["sub"], claims["given_name"]) == (whole, "Ünï")
            assert (claims["cognito:groups"], claims["plan"], claims["seats"]) == (["a", "b"], "grün", 3)
            assert await refusal(new, closed["email"], closed["password"]) == "invalid_credentials"
            assert await refusal(new, "nothing@example.com", vectors.PASSWORD) == "invalid_credentials"
            assert await refusal(new, "unproved@example.com", vectors.PASSWORD) == "email_not_verified"
            foreign = {
                row["email"] for row in await rows(url) if not row["password_hash"].startswith("$bcrypt-sha256$")
            }
            assert foreign == {"nothing@example.com"}
        finally:
            await application.close()


async def test_an_import_is_read_in_commit_order_and_each_account_once(
    embedded: Stores, instances: Instances, command: Command, tmp_path: Path
) -> None:
    """By a cursor as those of webhooks, while batches are committed."""
    await instances(1)
    file = tmp_path / "people"
    file.write_bytes(lines(*({"email": f"ada{number}@example.com"} for number in range(MANY))))
    postgres = Postgres(real_settings(embedded).database)
    await postgres.open()
    try:
        cursors = PostgresTrailCursors(postgres)
        await cursors.begin(["crm"])
        importing = asyncio.ensure_future(command("users", "import", str(file), "--format", "jsonl"))
        told: list[UUID | None] = []
        async with asyncio.timeout(PATIENCE):
            while len(told) < MANY:
                [unread] = await cursors.unread(["crm"], 200)
                if unread.events:
                    await cursors.advance(unread, unread.events[-1].position, [])
                told += [one.user_id for one in unread.events if one.reason == "imported"]
        assert (await importing)[0] == 0
        [unread] = await cursors.unread(["crm"], 200)
        assert unread.events == []
        assert len(told) == MANY
        assert {*told} == {row["id"] for row in await rows(embedded.postgres.url)}
    finally:
        await postgres.close()
