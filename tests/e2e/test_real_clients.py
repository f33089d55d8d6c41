"""Applications verify our tokens with libraries that they have already, and with nothing but the published keys."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.assembly.application import Application, build
from service.embedded import Stores
from tests.conftest import Client, Serve, real_settings
from tests.support.builders import FakeAmbient, part
from tests.support.offline_verifiers import LIBRARIES, Verifier, verifier

NO_SUCH_KEY = {
    "PyJWT": "refused: PyJWKClientError",
    "jose": "refused: ERR_JWKS_NO_MATCHING_KEY",
    "aws-jwt-verify": "refused: KidNotFoundInJwksError",
}
EXPIRED = {
    "PyJWT": "refused: ExpiredSignatureError",
    "jose": "refused: ERR_JWT_EXPIRED",
    "aws-jwt-verify": "refused: JwtExpiredError",
}
FOR_SOMEONE_ELSE = {
    "PyJWT": "refused: InvalidAudienceError",
    "jose": "refused: ERR_JWT_CLAIM_VALIDATION_FAILED",
    "aws-jwt-verify": "refused: JwtInvalidAudienceError",
}
FORGED = {
    "PyJWT": "refused: InvalidSignatureError",
    "jose": "refused: ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
    "aws-jwt-verify": "refused: JwtInvalidSignatureError",
}
MINUTE = timedelta(minutes=1)


class Town:
    """Instances on the same stores, whose clocks a test sets, and verifiers, whose clock is the real one."""

    def __init__(self, stores: Stores, serve: Serve, closing: AsyncExitStack, library: str) -> None:
        self._stores = stores
        self._serve = serve
        self._closing = closing
        self.library = library
        self.now = datetime.now(UTC)

    async def instance(self, ago: timedelta, **sections: dict[str, Any]) -> tuple[Application, Client, FakeAmbient]:
        """One that lives in the past, and keeps to its own time."""
        ambient = FakeAmbient(self.now - ago)
        application = build(real_settings(self._stores, **sections), ambient)
        self._closing.push_async_callback(application.close)
        await application.open()
        application.clock.note("")  # it is wrong on purpose
        await application.revocation.restore()
        return application, await self._serve(application), ambient

    async def verifier(self, of: Client) -> Verifier:
        return await self._closing.enter_async_context(verifier(self.library, of.port))


@pytest.fixture(params=LIBRARIES)
async def town(
    request: pytest.FixtureRequest, embedded: Stores, serve: Serve, redis: object, database: object
) -> AsyncIterator[Town]:
    async with AsyncExitStack() as closing:
        yield Town(embedded, serve, closing, request.param)


def key_of(tokens: dict[str, Any]) -> bytes:
    return part(tokens["idToken"], 0)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "Ed25519"])
async def test_a_good_token_is_accepted_and_a_bad_one_refused_for_what_is_wrong_with_it(
    town: Town, algorithm: str
) -> None:
    settings = {"algorithm": algorithm}
    _, in_the_past, _ = await town.instance(61 * MINUTE, tokens=settings)  # the first one makes the keys
    _, client, _ = await town.instance(MINUTE, tokens=settings)
    _, for_others, _ = await town.instance(MINUTE, tokens=settings | {"client_id": "another"})
    person = await client.sign_up()
    verify = await town.verifier(client)
    good = (await client.log_in(person))["idToken"]
    assert await verify.user_of(good) == person["userId"]
    assert await verify.user_of((await in_the_past.log_in(person))["idToken"]) == EXPIRED[town.library]
    assert await verify.user_of((await for_others.log_in(person))["idToken"]) == FOR_SOMEONE_ELSE[town.library]
    head, _, signature = good.split(".")
    _, claims, _ = (await client.log_in(await client.sign_up()))["idToken"].split(".")
    assert await verify.user_of(f"{head}.{claims}.{signature}") == FORGED[town.library]
    assert await verify.user_of(good) == person["userId"]


async def test_verifiers_go_on_through_rotations_with_the_keys_they_hold(town: Town) -> None:
    application, client, ambient = await town.instance(30 * MINUTE)
    person = await client.sign_up()
    verify = await town.verifier(client)
    held = [await client.log_in(person)]
    assert await verify.user_of(held[0]["idToken"]) == person["userId"]
    await application.key_rotation.rotate()
    held.append(await client.log_in(person))
    assert key_of(held[1]) != key_of(held[0])
    await application.key_rotation.rotate()  # its heir was published a moment ago: nobody signs with it yet
    held.append(await client.log_in(person))
    assert key_of(held[2]) == key_of(held[1])
    for tokens in held:
        assert await verify.user_of(tokens["idToken"]) == person["userId"]
    ambient.advance(minutes=20)
    await application.key_rotation.maintain()
    held.append(await client.log_in(person))
    assert key_of(held[3]) not in (key_of(held[0]), key_of(held[1]))
    later = await town.verifier(client)
    for tokens in held:
        assert await later.user_of(tokens["idToken"]) == person["userId"]


async def test_a_token_of_a_key_that_is_retired_for_good_is_refused(town: Town) -> None:
    """Such a token has long expired, unless its maker lied about the time or gave it a longer life, as here."""
    application, client, _ = await town.instance(10 * MINUTE)
    person = await client.sign_up()
    old = await client.log_in(person)
    await application.key_rotation.rotate()
    new = await client.log_in(person)
    assert application.backends.postgres
    await application.backends.postgres.execute("DELETE FROM longest_lives")  # as after the last token of a longer life
    _, strict, _ = await town.instance(MINUTE, tokens={"id_lifetime": "1m", "access_lifetime": "1m"})
    verify = await town.verifier(strict)
    assert await verify.user_of(new["idToken"]) == person["userId"]
    assert await verify.user_of(old["idToken"]) == NO_SUCH_KEY[town.library]


async def test_a_token_of_a_killed_key_is_refused(town: Town) -> None:
    application, client, _ = await town.instance(MINUTE)
    person = await client.sign_up()
    leaked = await client.log_in(person)
    await application.key_compromise.revoke(application.keys.signing.kid)
    verify = await town.verifier(client)
    assert await verify.user_of((await client.log_in(person))["idToken"]) == person["userId"]
    assert await verify.user_of(leaked["idToken"]) == NO_SUCH_KEY[town.library]
