"""The feed of revocations: signed, in pieces, and no token."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import jwt
import pytest
from joserfc import jwt as joserfc_jwt

from service.domain.resource_servers.revocation_feed import LIMIT, MOST, Cursor, RevocationFeed
from service.domain.sessions.models import EndedSession
from tests.conftest import Client, OnFakes, bearer, signing_key
from tests.support.builders import FakeAmbient
from tests.support.fakes import FakeRevocations, FakeSigningKeys
from tests.support.resource_servers import claims

HOUR = timedelta(hours=1)


async def read(client: Client, since: str = "") -> dict[str, Any]:
    """A piece of the feed, verified by another library."""
    answer = await client.get(f"/auth/revocations?since={since}")
    assert answer.status == 200
    assert answer.content_type == "application/jwt"
    piece = await answer.text()
    (key, *_) = (await (await client.get("/.well-known/jwks.json")).json())["keys"]
    said: dict[str, Any] = jwt.decode(
        piece, jwt.PyJWK(key), algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False}
    )
    assert jwt.get_unverified_header(piece)["typ"] == "revocations+jwt"
    return said


async def ended(fakes: OnFakes) -> str:
    """The id of a session that was logged out."""
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    assert (await fakes.client.log_out(tokens)).status == 200
    session_id: str = claims(tokens["idToken"])["origin_jti"]
    return session_id


async def test_an_empty_feed_says_so_with_its_time_and_a_cursor(fakes: OnFakes) -> None:
    said = await read(fakes.client)
    now = int(fakes.ambient.now().timestamp())
    assert said == {
        "iss": "http://127.0.0.1:8080",
        "iat": now,
        "exp": now + 15,
        "since": "",
        "next": said["next"],
        "more": False,
        "sessions": {},
        "keys": {},
    }
    assert said["next"]


async def test_a_logout_is_in_the_feed_until_its_last_token_is_over(fakes: OnFakes) -> None:
    session_id = await ended(fakes)
    said = await read(fakes.client)
    assert said["sessions"].keys() == {session_id}
    until = said["sessions"][session_id]
    assert until == int(fakes.revocations.rows[session_id].denied_until.timestamp())
    fakes.ambient.advance(seconds=until - int(fakes.ambient.now().timestamp()) + 1)
    assert (await read(fakes.client))["sessions"] == {}


async def test_a_cursor_brings_what_is_new_alone(fakes: OnFakes) -> None:
    first = await ended(fakes)
    said = await read(fakes.client)
    assert said["sessions"].keys() == {first}
    fakes.ambient.advance(seconds=1)
    second = await ended(fakes)
    delta = await read(fakes.client, said["next"])
    assert (delta["since"], delta["sessions"].keys()) == (said["next"], {second})
    fakes.ambient.advance(seconds=1)
    assert (await read(fakes.client, delta["next"]))["sessions"] == {}


async def test_after_postgres_went_back_nothing_is_missed_though_its_numbers_have_caught_up(fakes: OnFakes) -> None:
    for _ in range(5):
        await ended(fakes)
    cursor = (await read(fakes.client))["next"]
    memory = fakes.revocations
    memory.rows, memory.transactions, memory.timeline = {}, 2, 2  # an older state, on a server that was started since
    below = await ended(fakes)
    memory.transactions = 100
    above = await ended(fakes)
    fakes.ambient.advance(seconds=1)
    said = await read(fakes.client, cursor)
    assert (said["since"], said["sessions"].keys()) == ("", {below, above})
    fakes.ambient.advance(seconds=1)
    assert (await read(fakes.client, said["next"]))["since"] == said["next"]


@pytest.mark.parametrize("cursor", ["x", "0", "-1", "1.2", "1.2.x", "9" * 17, "1" * 30, "%00", "1%27--"])
async def test_what_is_no_cursor_of_ours_brings_the_whole_list(fakes: OnFakes, cursor: str) -> None:
    session_id = await ended(fakes)
    said = await read(fakes.client, cursor)
    assert (said["since"], said["sessions"].keys()) == ("", {session_id})


async def test_the_feed_is_no_token_and_a_token_is_no_feed(fakes: OnFakes) -> None:
    piece = await (await fakes.client.get("/auth/revocations")).text()
    assert not claims(piece).keys() & {"sub", "aud", "client_id", "token_use", "jti"}
    assert (await fakes.client.get("/auth/me", **bearer({"idToken": piece}))).status == 401
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    assert (await fakes.client.log_out(tokens | {"accessToken": piece})).status == 400
    assert not (await fakes.application.introspection.introspect(piece))["active"]


async def test_all_who_ask_within_a_second_get_the_same_piece(fakes: OnFakes) -> None:
    session_id = await ended(fakes)
    one = await fakes.client.get("/auth/revocations")
    await ended(fakes)
    two = await fakes.client.get("/auth/revocations")
    assert await one.read() == await two.read()
    assert one.headers["Cache-Control"] == "public, max-age=1"
    again = await fakes.client.get("/auth/revocations", **{"If-None-Match": one.headers["ETag"]})
    assert (again.status, await again.read()) == (304, b"")
    fakes.ambient.advance(seconds=1)
    fresh = await fakes.client.get("/auth/revocations", **{"If-None-Match": one.headers["ETag"]})
    assert fresh.status == 200
    assert len((await read(fakes.client))["sessions"]) == 2
    assert session_id in (await read(fakes.client))["sessions"]


async def test_ten_thousand_verifiers_cost_one_query_a_second(fakes: OnFakes) -> None:
    memory = CountingRevocations(fakes.ambient)
    feed = feed_of(fakes, memory)
    pieces = await asyncio.gather(*(feed.piece("") for _ in range(10_000)))
    assert (len(set(pieces)), memory.asked) == (1, 1)
    fakes.ambient.advance(seconds=1)
    await feed.piece("")
    assert memory.asked == 2


async def test_invented_cursors_are_the_beginning_and_cost_nothing_more(fakes: OnFakes) -> None:
    memory = CountingRevocations(fakes.ambient)
    feed = feed_of(fakes, memory)
    genuine = claims(await feed.piece(""))["next"]
    invented = [str(number) for number in range(1, 1000)] + [
        genuine[:-1],
        genuine + "A",
        "1" + genuine,
        "~" * 30,
        "é" * 30,
    ]
    pieces = await asyncio.gather(*(feed.piece(text) for text in invented))
    assert memory.asked == 1
    assert {claims(piece)["since"] for piece in pieces} == {""}


async def test_cursors_of_many_moments_cannot_make_more_than_so_many_queries_a_second(fakes: OnFakes) -> None:
    memory = CountingRevocations(fakes.ambient)
    feed = feed_of(fakes, memory)
    cursors = [feed._sealed(Cursor(number, timeline=memory.timeline)) for number in range(1, 1000)]
    pieces = await asyncio.gather(*(feed.piece(cursor) for cursor in cursors))
    assert memory.asked <= 2 * (MOST + 1)
    assert claims(pieces[-1])["since"] == ""


async def test_a_long_list_comes_in_pieces_and_nothing_is_missed_between_them(fakes: OnFakes) -> None:
    memory = CountingRevocations(fakes.ambient)
    feed = feed_of(fakes, memory, limit=10)
    await memory.add([ending(fakes.ambient) for _ in range(25)], HOUR, HOUR)
    found: set[str] = set()
    cursor, pieces = "", 0
    while True:
        said = claims(await feed.piece(cursor))
        assert len(said["sessions"]) <= 10
        assert said["since"] == cursor
        found |= said["sessions"].keys()
        cursor, pieces = said["next"], pieces + 1
        if pieces == 1:
            await memory.add([late := ending(fakes.ambient)], HOUR, HOUR)
        if not said["more"]:
            break
    assert pieces == 3
    fakes.ambient.advance(seconds=1)
    found |= claims(await feed.piece(cursor))["sessions"].keys()
    assert found == set(memory.rows)
    assert late.session_id in found


async def test_a_killed_key_is_in_the_feed(fakes: OnFakes) -> None:
    keys = fakes.application.backends.signing_keys
    assert isinstance(keys, FakeSigningKeys)
    leaked = replace(signing_key(), kid="L" * 43, killed_at=fakes.ambient.now())
    keys.keys.append(leaked)
    assert (await read(fakes.client))["keys"].keys() == {leaked.kid}


async def test_a_full_piece_fits_into_what_a_strict_library_takes(fakes: OnFakes) -> None:
    await fakes.revocations.add([ending(fakes.ambient) for _ in range(LIMIT)], HOUR, HOUR)
    piece = await (await fakes.client.get("/auth/revocations")).text()
    said = joserfc_jwt.decode(piece, fakes.application.keys.signing.key, algorithms=["RS256"]).claims
    assert len(said["sessions"]) == LIMIT


class CountingRevocations(FakeRevocations):
    def __init__(self, ambient: FakeAmbient) -> None:
        super().__init__(ambient)
        self.asked = 0

    async def after(self, *question: Any) -> Any:
        self.asked += 1
        return await super().after(*question)


def feed_of(fakes: OnFakes, memory: FakeRevocations, **fields: int) -> RevocationFeed:
    application = fakes.application
    return RevocationFeed(
        memory,
        application.backends.signing_keys,
        application.tokens,
        application.settings.tokens,
        fakes.ambient,
        seals=application.resealer._seals,
        **fields,
    )


def ending(ambient: FakeAmbient) -> EndedSession:
    return EndedSession(ambient.new_id(), ambient.new_uuid())
