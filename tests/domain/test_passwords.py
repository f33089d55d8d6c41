"""The password room, with real hashes of low cost."""

import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import pytest_asyncio

from service import settings
from service.ambient import Ambient
from service.domain.models import Visitor
from service.domain.passwords.bcrypt_engine import BcryptEngine, Decoys
from service.domain.passwords.engine import Job, Match
from service.domain.passwords.lanes import Lanes, lanes_for
from service.domain.passwords.passwords import Passwords, usable_cores
from tests.support.lanes import needs_lanes

ANN = Visitor("192.0.2.1")
ROUNDS = 6  # of the engine under test; hashes of cost 4 are older ones


class CountingEngine(BcryptEngine):
    """Remembers what it was asked, and the cost of every decoy it computed."""

    def __init__(self, rounds: int = ROUNDS, lanes: Lanes | None = None) -> None:
        super().__init__(rounds, Decoys(Ambient()), lanes)
        self.jobs: list[Job] = []
        self.spent: list[int] = []

    def verify(self, job: Job) -> Match:
        self.jobs.append(job)
        return super().verify(job)

    def spend(self, rounds: int) -> None:
        self.spent.append(rounds)
        super().spend(rounds)


class CountingPool:
    def __init__(self, pool: Any) -> None:
        self.count = 0
        self._pool = pool

    def digest(self, password: bytes, salt: bytes, cost: int) -> bytes:
        self.count += 1
        return bytes(self._pool.digest(password, salt, cost))


class Room:
    def __init__(self, rounds: int = ROUNDS, lanes: Lanes | None = None) -> None:
        self.engine = CountingEngine(rounds, lanes)
        self.passwords = Passwords(
            settings.PasswordSettings(bcrypt_rounds=rounds, workers=1), Ambient(), engine=self.engine
        )

    async def hash(self, password: str) -> str:
        with self.passwords.reserve(ANN) as place:
            return await self.passwords.hash(password, place)

    async def match(self, password: str, stored: str | None) -> Match:
        with self.passwords.reserve(ANN, "ann@example.com") as place:
            return await self.passwords.match(password, stored, place)


@pytest_asyncio.fixture(params=["wheel", pytest.param("lanes", marks=needs_lanes)])
async def room(request: pytest.FixtureRequest) -> AsyncIterator[Room]:
    room = Room(lanes=lanes_for(request.param, 1))
    yield room
    await room.passwords.close()


def plain(password: bytes, rounds: int = ROUNDS, prefix: bytes = b"2b") -> str:
    made = bcrypt.hashpw(password, bcrypt.gensalt(rounds))
    return (b"$" + prefix + made[3:]).decode()


def hashed(password: str, rounds: int) -> str:
    made = BcryptEngine(rounds, Decoys(Ambient())).verify(Job(password, None)).upgraded
    assert made is not None
    return made


# --- what is stored, and what counts


@pytest.mark.parametrize(("password", "is_done"), [("SecurePass1!", True), ("SecurePass2!", False)])
async def test_what_is_to_be_done_besides_is_done_for_a_right_password_alone(
    room: Room, password: str, *, is_done: bool
) -> None:
    done: list[str] = []
    with room.passwords.reserve(ANN) as place:
        stored = await room.passwords.hash("SecurePass1!", place, lambda: done.append("hash"))
    with room.passwords.reserve(ANN) as place:
        await room.passwords.match(password, stored, place, lambda: done.append("match"))
    with room.passwords.reserve(ANN) as place:
        await room.passwords.match(password, None, place, lambda: done.append("nobody"))
    assert done == ["hash", "match"][: 1 + is_done]


async def test_a_new_hash_names_its_scheme_and_cost(room: Room) -> None:
    one, two = await room.hash("SecurePass1!"), await room.hash("SecurePass1!")
    assert re.fullmatch(r"\$bcrypt-sha256\$v=2,t=2b,r=6\$[./\w]{22}\$[./\w]{31}", one)
    assert one != two
    assert await room.match("SecurePass1!", one) == Match(same=True)
    assert room.engine.spent == []


@pytest.mark.parametrize(
    ("kept", "typed"),
    [
        ("A" * 72 + "b", "A" * 72 + "c"),
        ("A" * 72 + "b", "A" * 72),
        ("A" * 255 + "b", "A" * 255 + "c"),
        ("Secure\x00Pass1!", "Secure\x00Pass2!"),
        ("Secure\x00", "Secure"),
        ("SecurePass1! ", "SecurePass1!"),
        ("SecurePass1!", "securepass1!"),
        ("Ofﬁce1!x", "Office1!x"),
    ],
)
async def test_every_character_of_a_password_counts(room: Room, kept: str, typed: str) -> None:
    stored = await room.hash(kept)
    assert (await room.match(kept, stored)).same
    assert not (await room.match(typed, stored)).same


async def test_a_password_is_the_same_however_its_accents_were_typed(room: Room) -> None:
    stored = await room.hash("Cafe\u0301Pass1!")
    assert (await room.match("Caf\u00e9Pass1!", stored)).same


# --- older hashes


@pytest.mark.parametrize("prefix", [b"2a", b"2b", b"2y"])
async def test_an_imported_plain_bcrypt_hash_is_right_and_replaced(room: Room, prefix: bytes) -> None:
    match = await room.match("SecurePass1!", plain(b"SecurePass1!", prefix=prefix))
    assert match.same
    assert match.upgraded is not None
    assert match.upgraded.startswith("$bcrypt-sha256$v=2,t=2b,r=6$")
    assert await room.match("SecurePass1!", match.upgraded) == Match(same=True)


@pytest.mark.parametrize("rounds", [4, 7])
async def test_a_hash_of_another_cost_is_replaced(room: Room, rounds: int) -> None:
    match = await room.match("SecurePass1!", hashed("SecurePass1!", rounds))
    assert match.same
    assert match.upgraded is not None
    assert ",r=6$" in match.upgraded


@pytest.mark.parametrize("stored", [plain(b"SecurePass1!"), hashed("SecurePass1!", 7), hashed("SecurePass1!", ROUNDS)])
async def test_a_wrong_password_replaces_nothing(room: Room, stored: str) -> None:
    assert await room.match("SecurePass2!", stored) == Match(same=False)
    assert room.engine.spent == []


@pytest.mark.parametrize("stored", [plain(b"SecurePass1!", 4), hashed("SecurePass1!", 4)])
async def test_a_wrong_password_for_a_cheaper_hash_costs_as_much_as_for_a_current_one(room: Room, stored: str) -> None:
    assert not (await room.match("SecurePass2!", stored)).same
    assert 2**4 + sum(2**rounds for rounds in room.engine.spent) == 2**ROUNDS


# --- what costs a decoy


async def test_an_unknown_account_costs_one_hash_of_the_current_make(room: Room) -> None:
    assert await room.match("SecurePass1!", None) == Match(same=False)
    (job,) = room.engine.jobs
    assert job.stored is not None
    assert re.fullmatch(r"\$bcrypt-sha256\$v=2,t=2b,r=6\$[./\w]{22}\$[./\w]{31}", job.stored)
    assert room.engine.spent == []  # it was computed as any stored hash is


async def test_nothing_matches_where_there_is_no_account(room: Room) -> None:
    stored = await room.hash("SecurePass1!")
    room.passwords._decoy = stored
    assert not (await room.match("SecurePass1!", None)).same


SOUND = plain(b"SecurePass1!")


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "garbage",
        "\u00e9\ud800",
        "$2b$",
        "$2a$04$",
        "$2b$06$short",
        SOUND[:29],  # a salt and no digest
        SOUND + "x",
        SOUND[:-1] + "\u00e9",
        "$2x$" + SOUND[4:],
        "$2b$6$" + SOUND[7:],
        "$2b$03$" + SOUND[7:],
        "$2b$16$" + SOUND[7:],  # too dear to compute
        "$2b$31$" + SOUND[7:],
        "$2b$99$" + SOUND[7:],
        "$bcrypt-sha256$v=2,t=2b,r=31$" + SOUND[7:29] + "$" + SOUND[29:],
        "$bcrypt-sha256$v=3,t=2b,r=6$" + SOUND[7:29] + "$" + SOUND[29:],
        "$bcrypt-sha256$v=2,t=2b,r=6$" + SOUND[7:29],
        "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaA",
    ],
)
async def test_a_stored_hash_that_cannot_be_computed_is_wrong_and_costs_one_decoy(room: Room, stored: str) -> None:
    assert await room.match("SecurePass1!", stored) == Match(same=False)
    assert room.engine.spent == [ROUNDS]


@pytest.mark.parametrize("password", ["A" * 73, "\u00e9" * 37, "Secure\x00Pass1!", "\ud800"])
async def test_a_password_that_plain_bcrypt_refuses_is_wrong_and_costs_one_decoy(room: Room, password: str) -> None:
    assert await room.match(password, plain(b"A" * 72)) == Match(same=False)
    assert room.engine.spent == [ROUNDS]


async def test_half_a_surrogate_pair_is_wrong_and_costs_one_decoy(room: Room) -> None:
    assert await room.match("SecurePass1!\ud800", hashed("SecurePass1!", ROUNDS)) == Match(same=False)
    assert room.engine.spent == [ROUNDS]


@pytest.mark.parametrize("password", ["A" * 1025, "A" * 16_000, "a" + "\u0301" * 8_000])
async def test_a_password_longer_than_any_at_sign_up_costs_what_an_unknown_account_does(
    room: Room, password: str
) -> None:
    stored = await room.hash("SecurePass1!")
    assert not (await room.match(password, stored)).same
    assert not (await room.match("SecurePass1!", None)).same
    _, long, unknown = room.engine.jobs
    assert long.stored == unknown.stored
    assert long.password == ""
    assert room.engine.spent == []


# --- around the queue


async def test_an_operation_gives_its_place_back(room: Room) -> None:
    room.passwords.refuse_if_full(ANN)
    await room.hash("SecurePass1!")
    await room.match("SecurePass1!", None)
    assert (room.passwords.queue.waiting, room.passwords.queue.running, room.passwords.queue.hashes.count) == (0, 0, 2)


@pytest.mark.parametrize("engine", ["wheel", pytest.param("lanes", marks=needs_lanes)])
async def test_there_is_a_worker_for_each_lane_of_each_core_unless_told_otherwise(engine: str) -> None:
    def workers(**more: object) -> int:
        config = {"bcrypt_rounds": 4, "engine": engine, **more}
        return Passwords(settings.PasswordSettings.model_validate(config), Ambient()).queue.workers

    lanes = {"wheel": 1, "lanes": 4}[engine]
    assert workers() == workers(workers=4096) == usable_cores() * lanes
    assert workers(workers=1) == lanes


@pytest.mark.parametrize(
    ("quota", "cores"), [("max 100000", 8), ("150000 100000", 2), ("10000 100000", 1), ("1600000 100000", 8), ("", 8)]
)
def test_a_quota_of_processor_time_leaves_fewer_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, cores: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    assert usable_cores(tmp_path / "cpu.max") == cores
    assert usable_cores(tmp_path / "none") == 8


@needs_lanes
def test_the_compiled_engine_computes_hashes_of_both_schemes() -> None:
    lanes = Lanes(1)
    digests = CountingPool(lanes.pool)
    lanes.pool = digests  # type: ignore[assignment] # it looks like one
    engine = BcryptEngine(4, Decoys(Ambient()), lanes)
    made = engine.verify(Job("SecurePass1!", None)).upgraded
    assert digests.count == 1
    assert engine.verify(Job("SecurePass1!", made)).same
    assert digests.count == 2
    assert engine.verify(Job("SecurePass1!", plain(b"SecurePass1!", 4))).same
    assert digests.count == 4  # and a hash to store in place of the old one


def test_neither_a_job_nor_its_answer_shows_a_password_or_a_hash() -> None:
    shown = repr(Job("SecurePass1!", SOUND)) + repr(Match(same=True, upgraded=SOUND))
    assert "SecurePass1!" not in shown
    assert SOUND not in shown
