"""What lies in the stores after a day's work: nothing lives for ever, and nothing in them is worth stealing."""

import base64
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

from tests.conftest import Client, Instances, bearer
from tests.support import builders, passkeys
from tests.support import second_factors as second
from tests.support.authenticators import SETTINGS
from tests.support.builders import PASSWORD
from tests.support.cognito import CognitoClient
from tests.support.second_factors import App
from tests.support.srp import SrpClient

EMAIL = "Augusta.Ada@Example.com"
TIGHT = {
    "exempt": [],
    "login_attempts": "50/1m",
    "login_account_source": "2/5m",
    "refresh_unknown": "1/1m",
    "api_key_unknown": "1/1m",
}


@pytest.fixture
async def secrets(instances: Instances) -> dict[str, bytes]:
    """What was handed out or typed in a day with every kind of call, right and wrong."""
    (client,) = await instances(1, throttle=TIGHT, passkeys=SETTINGS, cognito={"enabled": True, "srp": True})
    person = await client.sign_up(email=EMAIL)
    await client.sign_up()
    tokens = await client.log_in(person)
    left_behind = await client.log_in(person)
    renewed: dict[str, Any] = await (await client.refresh(tokens)).json()
    assert (await client.log_out(tokens)).status == 200
    app = await begin_second_factors(client)
    app["challenge of a passkey"] = (await passkeys.options(client))["challenge"]
    app["secret block of SRP"] = await use_block(client, person)
    app["named apiKey"] = await make_named_key(client, left_behind)
    sign_in = await begin_sign_in(client)
    await be_wrong(client, tokens)
    handed_out = {
        **app,
        "session of a sign-in": sign_in,
        **{f"first {name}": tokens[name] for name in ("idToken", "accessToken", "refreshToken", "apiKey")},
        **{f"second {name}": left_behind[name] for name in ("idToken", "accessToken", "refreshToken")},
        **{f"renewed {name}": renewed[name] for name in ("idToken", "accessToken")},
        "password": PASSWORD,
        "wrong password": "WrongPass1!",
        "e-mail": EMAIL,
        "unknown e-mail": "nobody@example.org",
        "the service's secret": builders.SECRET,
    }
    return {name: text.encode("latin-1") for name, text in handed_out.items()}


async def begin_second_factors(client: Client) -> dict[str, str]:
    """Of one member who has an app and is in the middle of a login, and of one who is in the middle of adding one."""
    ada, eve = await client.sign_up(), await client.sign_up()
    app = await second.enrol(client, ada, await client.log_in(ada), datetime.now(UTC), 0)
    token = await second.challenge(client, ada)
    await second.answer(client, token, app.recovery_codes[0].replace("-", "0"))
    begun = await (await second.begin(client, eve, await client.log_in(eve))).json()
    secrets = {"app": App(begun["uri"]).secret, "confirmed app": app.secret}
    return {
        **secrets,
        **{f"bytes of {name}": base64.b32decode(one).decode("latin-1") for name, one in secrets.items()},
        "challenge": token,
        "recovery code": app.recovery_codes[1],
        "bare recovery code": app.recovery_codes[1].replace("-", ""),
    }


async def begin_sign_in(client: Client) -> str:
    """Answered wrongly."""
    cognito = CognitoClient(client.http)
    asked = await cognito.initiate("USER_AUTH", USERNAME="someone@example.org", PREFERRED_CHALLENGE="PASSWORD")
    responses = {"USERNAME": "someone@example.org", "PASSWORD": "WrongPass1!"}
    sent = {"ClientId": "tokenhouse", "ChallengeName": "PASSWORD", "ChallengeResponses": responses}
    await cognito.refused("RespondToAuthChallenge", **sent, Session=asked["Session"])
    return str(asked["Session"])


async def make_named_key(client: Client, tokens: dict[str, Any]) -> str:
    made = await client.post("/auth/api-keys", {"name": "Build server", "rate": "60/1m"}, **bearer(tokens))
    key = str((await made.json())["apiKey"])
    assert (await client.get("/auth/verify", **{"x-api-key": key})).status == 204
    return key


async def use_block(client: Client, person: dict[str, Any]) -> str:
    attempt = SrpClient(person["email"], PASSWORD, datetime.now(UTC))
    cognito = CognitoClient(client.http)
    begun = await cognito.initiate("USER_SRP_AUTH", **attempt.parameters)
    said = attempt.answer(begun["ChallengeParameters"])
    await cognito.respond("PASSWORD_VERIFIER", **said)
    return said["PASSWORD_CLAIM_SECRET_BLOCK"]


async def be_wrong(client: Client, tokens: dict[str, Any]) -> None:
    """Until every limit has said no."""
    refused: list[int] = []
    for _ in range(3):
        for email in (EMAIL, "nobody@example.org"):
            answer = await client.post("/auth/login", {"email": email, "password": "WrongPass1!"})
            refused.append(answer.status)
        refused.append((await client.refresh(tokens)).status)
        refused.append((await client.get("/auth/me", **{"x-api-key": tokens["apiKey"][:-1] + "?"})).status)
        refused.append((await client.get("/auth/me", **bearer(tokens))).status)
    assert set(refused) == {401, 429}


async def held_by(redis: Redis) -> AsyncIterator[tuple[bytes, bytes]]:
    """Every key, with every value below it."""
    values: Any  # redis-py does not know which of its types it is
    async for key in redis.scan_iter():
        match await redis.type(key):
            case b"string":
                values = [await redis.get(key) or b""]
            case b"hash":
                values = [part for pair in (await redis.hgetall(key)).items() for part in pair]
            case b"zset":
                values = await redis.zrange(key, 0, -1)
            case b"none":  # it has lapsed meanwhile
                continue
            case other:
                raise AssertionError(other)
        yield key, b"\n".join(values)


async def rows_of(database: "asyncpg.Connection[asyncpg.Record]", *but: str) -> list[tuple[str, bytes]]:
    """Every column of every row of every table, as bytes."""
    names = await database.fetch(
        "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace "
        "WHERE nspname = 'public' AND relkind = 'r'"
    )
    found = []
    for (table,) in names:
        for row in await database.fetch(f'SELECT * FROM "{table}"'):  # noqa: S608 - the catalog's own word
            for column, value in row.items():
                if f"{table}.{column}" not in but:
                    found.append((f"{table}.{column}", value if isinstance(value, bytes) else str(value).encode()))
    return found


def disguises(secret: bytes) -> set[bytes]:
    """A secret as it is, in other letters, and as digests that anyone can make."""
    plain = {secret, secret.lower()}
    hashed = {hashlib.new(kind, text).digest() for kind in ("md5", "sha1", "sha256") for text in plain}
    return {*plain, *hashed, *(one.hex().encode() for one in hashed), *(base64.b64encode(one)[:20] for one in hashed)}


async def test_every_key_has_a_lifetime(secrets: dict[str, bytes], redis: Redis) -> None:
    assert secrets
    assert [key async for key, _ in held_by(redis) if await redis.pttl(key) == -1] == []


async def test_every_key_is_in_the_key_room_s_tables(secrets: dict[str, bytes], redis: Redis) -> None:
    assert secrets
    found = {key.split(b":")[1] async for key, _ in held_by(redis)}
    assert found == {
        b"session",
        b"sessions",
        b"challenge",
        b"totp",
        b"denied",
        b"complete",
        b"limit",
        b"passkey",
        b"srp",
        b"sign-in",
    }
    assert {key.split(b":")[3] async for key, _ in held_by(redis) if key.startswith(b"th:limit:{login}:")} >= {
        b"source",
        b"pair",
        b"account",
        b"global",
        b"known",
    }


async def test_redis_holds_nothing_worth_stealing(secrets: dict[str, bytes], redis: Redis) -> None:
    everything = [part.lower() async for pair in held_by(redis) for part in pair]
    assert everything
    text = [name for name, secret in secrets.items() if any(secret.lower() in part for part in everything)]
    assert text == []


async def test_redis_holds_no_digest_that_a_dictionary_could_undo(secrets: dict[str, bytes], redis: Redis) -> None:
    everything = b"\0".join([part async for pair in held_by(redis) for part in pair])
    guessable = ("password", "wrong password", "e-mail", "unknown e-mail", "recovery code", "bare recovery code")
    assert [name for name in guessable if any(form in everything for form in disguises(secrets[name]))] == []


async def test_the_secret_half_of_a_refresh_token_is_nowhere(
    secrets: dict[str, bytes], redis: Redis, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    everything = b"\0".join([part async for pair in held_by(redis) for part in pair])
    everything += b"\0".join(value for _, value in await rows_of(database))
    secret = secrets["second refreshToken"][-43:]
    assert secret not in everything
    assert base64.urlsafe_b64decode(secret + b"=") not in everything
    assert (
        hashlib.sha256(secrets["second refreshToken"]).digest() in everything
    )  # so it was looked for in the right place


async def test_a_copy_of_the_database_holds_nothing_worth_stealing(
    secrets: dict[str, bytes], database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    rows = await rows_of(database, "users.email", "users.canonical_email")
    assert {"users.password_hash", "revocations.session_id", "signing_keys.sealed_private_jwk"} <= {
        at for at, _ in rows
    }
    leaks = [(name, at) for name, secret in secrets.items() for at, value in rows if secret.lower() in value.lower()]
    assert leaks == []
    digests = [
        hashlib.sha256(secrets[name]).digest()
        for name in ("password", "first apiKey", "recovery code", "bare recovery code")
    ]
    assert [at for at, value in rows if any(digest in value for digest in digests)] == []


async def test_a_copy_of_the_database_holds_no_private_key(
    secrets: dict[str, bytes], database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    assert secrets
    rows = await rows_of(database)
    for name in (b'"d"', b'"p"', b'"q"', b"PRIVATE KEY"):
        assert [at for at, value in rows if name in value] == []
