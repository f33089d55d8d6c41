"""Logins of people whose password only the system before this one knows."""

import asyncio
import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from service.commands.accounts_named import facts
from service.domain.events.security_events import Event
from service.domain.foreign_hashes.elsewhere import marker_of
from service.domain.models import User, Visitor
from service.domain.sessions.models import AskOutcome
from service.domain.transfer.lazy_migration import SLACK, LazyMigration
from service.errors import RateLimitedError
from tests.conftest import Client, OnFakes
from tests.support import builders
from tests.support.moving import ID, lines, run_import
from tests.support.old_systems import KEY, PASSWORD, SECRET, VARIABLE, OldSystem, old_system

ADA = "ada@example.com"
WRONG = "wrong"
LIMIT = 10.0  # seconds for a question: no test waits for it
ABOUT_ADA: dict[str, Any] = {"firstName": "Ada", "emailVerified": True, "groups": ["staff"], "language": "en"}


@dataclass
class Town:
    """The service, the old system, how long failed logins were to wait, and the events."""

    fakes: OnFakes
    old: OldSystem
    waits: list[float] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    @property
    def client(self) -> Client:
        return self.fakes.client

    @property
    def migration(self) -> LazyMigration:
        held = self.fakes.application.login.migration
        assert isinstance(held, LazyMigration)
        return held

    @property
    def outcomes(self) -> dict[str, int]:
        return {how.value: count for how, count in self.migration.counts.outcomes.items()}

    @property
    def reasons(self) -> list[tuple[str, str]]:
        return [(one.name.value, str(one.reason)) for one in self.events]

    async def log_in(self, email: str = ADA, password: str = PASSWORD) -> int:
        return (await self.client.post("/auth/login", {"email": email, "password": password})).status

    def row(self, email: str = ADA) -> User | None:
        return next((user for user in self.fakes.users.rows.values() if user.canonical_email == email), None)

    async def moved_in(self, **fields: object) -> User:
        """An account that was imported without a hash."""
        report, _ = await run_import(self.fakes, lines({"email": ADA, **fields}))
        assert report.added == 1
        row = self.row()
        assert row is not None
        return row

    def change(self, **fields: Any) -> None:
        row = self.row()
        assert row is not None
        self.fakes.users.rows[row.id] = replace(row, **fields)


MakeTown = Callable[..., Awaitable[Town]]


@pytest.fixture
async def make_town(on_fakes: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MakeTown]:
    monkeypatch.setenv(VARIABLE, SECRET)
    async with old_system(ada=ABOUT_ADA) as old:

        async def make(concurrency: int = 16, **sections: Any) -> Town:
            chosen = {"url": old.url, "timeout": f"{LIMIT:g}s", "concurrency": concurrency}
            town = Town(await on_fakes(lazy_migration=chosen, **sections), old)
            town.fakes.application.events.add(town.events.append)

            async def sleep(seconds: float) -> None:
                town.waits.append(seconds)

            object.__setattr__(town.migration, "sleep", sleep)
            return town

        yield make


@pytest.fixture
async def town(make_town: MakeTown) -> Town:
    return await make_town()


# --- an address that is not here


@pytest.mark.parametrize("spelt", ["ada@bücher.example", "ADA@BÜCHER.example", "ada@xn--bcher-kva.example"])
async def test_the_old_system_may_spell_the_address_in_any_way(town: Town, spelt: str) -> None:
    typed = "ada@xn--bcher-kva.example"
    town.old.people[typed] = {"email": spelt}
    assert await town.log_in(typed) == 200
    assert town.row(typed) is not None


async def test_an_unknown_user_moves_in_with_the_old_password(town: Town) -> None:
    answer = await town.client.post("/auth/login", {"email": "Ada@Example.com ", "password": PASSWORD})
    tokens = await answer.json()
    assert answer.status == 200, tokens
    row = town.row()
    assert row is not None
    assert row.password_hash.startswith("$bcrypt-sha256$")
    assert (row.email, row.first_name, row.groups, row.language) == ("Ada@Example.com", "Ada", ("staff",), "en")
    assert row.email_verified_at == town.fakes.ambient.now()
    assert (await town.client.me(tokens)).status == 200
    assert (await town.client.get("/auth/verify", **{"X-API-Key": tokens["apiKey"]})).status != 401
    assert town.reasons == [("user_created", "migrated"), ("authn_login_success", "")]
    assert town.outcomes == {"right": 1}
    assert town.waits == []


async def test_whoever_moved_in_is_never_asked_about_again(town: Town) -> None:
    assert await town.log_in() == 200
    assert await town.log_in() == 200
    assert await town.log_in(password=WRONG) == 401
    assert len(town.old.asked) == 1


async def test_an_address_counts_as_proved_only_if_the_old_system_says_so(make_town: MakeTown) -> None:
    town = await make_town(mail={"url": "smtp://127.0.0.1:1", "sender": "a@example.com", "verification": "required"})
    town.old.people[ADA] = {}
    assert await town.log_in() == 403
    row = town.row()
    assert row is not None
    assert row.email_verified_at is None


async def test_the_id_of_the_old_system_is_kept(town: Town) -> None:
    town.old.people[ADA] = {"id": ID, "email": "ADA@example.com"}
    assert await town.log_in() == 200
    row = town.row()
    assert row is not None
    assert (str(row.id), row.email) == (ID, "ADA@example.com")


async def test_a_second_factor_that_everybody_needs_is_asked_of_them_too(make_town: MakeTown) -> None:
    town = await make_town(accounts={"second_factor": "required"})
    answer = await town.client.post("/auth/login", {"email": ADA, "password": PASSWORD})
    assert (answer.status, (await answer.json())["code"]) == (401, "second_factor_required")
    assert await town.log_in() == 401
    assert len(town.old.asked) == 1


async def test_closed_registration_does_not_keep_them_out(make_town: MakeTown) -> None:
    town = await make_town(signup={"mode": "closed"})
    assert await town.log_in() == 200


async def test_logins_at_the_same_time_are_all_let_in_and_make_one_account(make_town: MakeTown) -> None:
    town = await make_town(concurrency=100)
    assert set(await asyncio.gather(*(town.log_in() for _ in range(12)))) == {200}
    assert len(town.fakes.users.rows) == 1
    assert [name for name, reason in town.reasons if reason == "migrated"] == ["user_created"]


async def test_a_stranger_who_signs_up_meanwhile_is_not_let_into_by_the_old_password(town: Town) -> None:
    async def sign_up() -> None:
        town.old.before = lambda: asyncio.sleep(0)
        await town.client.sign_up(email=ADA)

    town.old.before = sign_up
    assert await town.log_in() == 401
    assert await town.log_in(password=builders.PASSWORD) == 200
    assert town.waits == [LIMIT + 0.1]


async def test_an_import_meanwhile_is_no_obstacle(town: Town) -> None:
    async def move_in() -> None:
        town.old.before = lambda: asyncio.sleep(0)
        await town.moved_in(firstName="Augusta")

    town.old.before = move_in
    assert await town.log_in() == 200
    row = town.row()
    assert row is not None
    assert row.first_name == "Augusta"


async def test_an_id_that_another_account_has_is_not_taken(town: Town) -> None:
    other = await town.client.sign_up()
    taken = next(user.id for user in town.fakes.users.rows.values() if user.email == other["email"])
    town.old.people[ADA] = {"id": str(taken)}
    assert await town.log_in() == 401
    assert town.row() is None
    assert town.reasons[-1] == ("authn_login_fail", "old_system_failed")


# --- an account that was imported without a hash


async def test_an_imported_account_takes_its_password_and_nothing_else(town: Town) -> None:
    before = await town.moved_in(firstName="Augusta", groups=["here"])
    town.old.people[ADA] = {**ABOUT_ADA, "id": ID, "passwordHash": "no hash", "lastName": "<>" * 200}
    assert await town.log_in("ADA@example.com") == 200
    row = town.row()
    assert row is not None
    assert row.password_hash.startswith("$bcrypt-sha256$")
    assert replace(row, password_hash=before.password_hash) == before
    assert town.reasons[1:] == [("user_updated", "migrated"), ("authn_login_success", "")]
    assert await town.log_in(password=WRONG) == 401
    assert town.old.asked == [(ADA, PASSWORD)]


@pytest.mark.parametrize(
    "stored", ["", marker_of("bob@example.com"), "$elsewhere$", "$elsewhere$AAAA"], ids=["none", "other", "bare", "odd"]
)
async def test_an_account_without_a_password_for_another_reason_is_never_asked_about(town: Town, stored: str) -> None:
    await town.moved_in()
    town.change(password_hash=stored)
    assert await town.log_in() == 401
    assert town.old.asked == []


async def test_an_account_with_a_password_is_never_asked_about(town: Town) -> None:
    person = await town.client.sign_up(email=ADA)
    assert await town.log_in() == 401
    assert town.old.asked == []
    await town.client.log_in(person)


async def test_a_disabled_account_is_not_asked_about(town: Town) -> None:
    await town.moved_in(disabled=True)
    assert await town.log_in() == 401
    assert town.old.asked == []
    assert town.waits == [LIMIT + 0.1]


async def test_one_that_is_disabled_meanwhile_is_not_opened(town: Town) -> None:
    await town.moved_in()

    async def disable() -> None:
        town.change(disabled_at=town.fakes.ambient.now())

    town.old.before = disable
    assert await town.log_in() == 401


async def test_a_password_that_is_set_meanwhile_wins(town: Town) -> None:
    await town.moved_in()

    async def set_password() -> None:
        town.fakes.ambient.advance(seconds=1)
        town.change(password_hash="$new", password_changed_at=town.fakes.ambient.now())

    town.old.before = set_password
    assert await town.log_in() == 401
    row = town.row()
    assert row is not None
    assert row.password_hash == "$new"


async def test_whoever_is_disabled_there_is_not_let_in_here(town: Town) -> None:
    town.old.people[ADA] = {"disabled": True}
    assert await town.log_in() == 401
    assert town.row() is None
    await town.moved_in()
    assert await town.log_in() == 401
    assert town.outcomes == {"wrong": 2}


# --- what it is asked, and when


async def test_a_question_is_signed_and_says_no_more_than_it_must(town: Town) -> None:
    await town.log_in("Ada@example.com")
    [(headers, body)] = town.old.got
    assert body == {"email": "Ada@example.com", "password": PASSWORD}
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{headers['']}".encode()
    expected = b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


@pytest.mark.parametrize(
    ("email", "password"),
    [("nobody", PASSWORD), ("a@b", PASSWORD), (ADA, "x" * 1025), (ADA, "")],
    ids=["no address", "no domain", "too long", "empty"],
)
async def test_what_could_not_be_kept_is_not_asked_about(town: Town, email: str, password: str) -> None:
    assert await town.log_in(email, password) in (400, 401, 422)
    assert town.old.asked == []


async def test_whoever_is_over_the_limits_is_not_asked_about(make_town: MakeTown) -> None:
    town = await make_town(throttle={"exempt": []})
    answers = [await town.log_in(password=WRONG) for _ in range(7)]
    assert answers == [401] * 5 + [429] * 2
    assert len(town.old.asked) == 5


async def test_one_network_gets_a_quarter_of_the_questions(make_town: MakeTown) -> None:
    town = await make_town(concurrency=8)
    held, go_on = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        if len(town.old.got) == 2:
            held.set()
        await go_on.wait()

    town.old.before = hold
    first = [asyncio.create_task(town.log_in(f"u{number}@example.com")) for number in range(2)]
    await held.wait()
    assert await town.log_in() == 401
    assert town.reasons[-1] == ("authn_login_fail", "old_system_busy")
    go_on.set()
    assert await asyncio.gather(*first) == [401, 401]
    town.old.before = lambda: asyncio.sleep(0)
    assert await town.log_in() == 200
    assert town.outcomes == {"busy": 1, "wrong": 2, "right": 1}


# --- failures


@pytest.mark.parametrize(
    ("status", "raw", "outcome", "reason"),
    [
        (401, b"", "wrong", "unknown_email"),
        (403, b"", "wrong", "unknown_email"),
        (404, b"", "wrong", "unknown_email"),
        (500, b"{}", "bad_answer", "old_system_failed"),
        (503, b"{}", "bad_answer", "old_system_failed"),
        (204, b"", "bad_answer", "old_system_failed"),
        (302, b"", "bad_answer", "old_system_failed"),
        (307, b"", "bad_answer", "old_system_failed"),
        (200, b"", "bad_answer", "old_system_failed"),
        (200, b"true", "bad_answer", "old_system_failed"),
        (200, b"[{}]", "bad_answer", "old_system_failed"),
        (200, b"\xff{}", "bad_answer", "old_system_failed"),
        (200, b"[" * 10_000, "bad_answer", "old_system_failed"),
        (200, b'{"email":"bob@example.com"}', "bad_answer", "old_system_failed"),
        (200, b'{"email":"nobody"}', "bad_answer", "old_system_failed"),
        (200, b'{"email":7}', "bad_answer", "old_system_failed"),
        (200, b'{"disabled":"perhaps"}', "bad_answer", "old_system_failed"),
        (200, b'{"firstName":"' + b"x" * 300 + b'"}', "bad_answer", "old_system_failed"),
        (200, b'{"groups":["no group"]}', "bad_answer", "old_system_failed"),
        (200, b'{"firstName":"' + b"x" * 20_000 + b'"}', "bad_answer", "old_system_failed"),
    ],
)
async def test_whatever_it_answers_otherwise_is_a_wrong_password(
    town: Town, status: int, raw: bytes, outcome: str, reason: str
) -> None:
    town.old.status, town.old.raw, town.old.headers = status, raw, {"Location": town.old.url}
    answer = await town.client.post("/auth/login", {"email": ADA, "password": PASSWORD})
    told = await answer.json()
    await town.client.sign_up(email="known@example.com")
    known = await town.client.post("/auth/login", {"email": "known@example.com", "password": WRONG})
    assert {**told, "requestId": ""} == {**await known.json(), "requestId": ""}
    assert (answer.status, town.row()) == (401, None)
    assert len(town.old.asked) == 1  # no redirect is followed, nothing is tried again
    assert town.outcomes == {outcome: 1}
    assert ("authn_login_fail", reason) in town.reasons


async def test_an_old_system_that_is_down_is_a_wrong_password(on_fakes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, SECRET)
    chosen = {"url": "http://127.0.0.1:1/", "timeout": "50ms"}
    fakes = await on_fakes(lazy_migration=chosen)
    answer = await fakes.client.post("/auth/login", {"email": ADA, "password": PASSWORD})
    assert answer.status == 401
    assert fakes.application.login.migration.counts.outcomes == {AskOutcome.NO_ANSWER: 1}


async def test_neither_passwords_nor_answers_are_logged(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    town.old.raw = b'{"email":"bob@example.com","firstName":"SECRETMARKER"}'
    assert await town.log_in() == 401
    said = capsys.readouterr()
    assert "the old system did not tell" in said.out + said.err
    for secret in (PASSWORD, "SECRETMARKER", "bob@example.com", ADA, town.old.url):
        assert secret not in said.out + said.err


# --- time


async def test_every_failed_login_is_answered_at_one_time(town: Town) -> None:
    """Whoever is known, unknown, asked about or not: so long after the hash, however long the question took."""
    await town.client.sign_up(email="known@example.com")
    await town.client.sign_up(email="closed@example.com")
    closed = next(one for one in town.fakes.users.rows.values() if one.canonical_email == "closed@example.com")
    town.fakes.users.rows[closed.id] = replace(closed, disabled_at=town.fakes.ambient.now())

    async def take_time() -> None:
        town.fakes.ambient.advance(seconds=4)

    town.old.before = take_time
    for email, password, asked in (
        ("known@example.com", WRONG, 0),
        ("closed@example.com", builders.PASSWORD, 0),
        ("nobody", WRONG, 0),
        ("bob@example.com", WRONG, 4),
        (ADA, WRONG, 4),
    ):
        town.waits.clear()
        assert await town.log_in(email, password) == 401
        assert [round(seconds + asked, 6) for seconds in town.waits] == [LIMIT + 0.1], email


async def test_a_failed_login_holds_no_place_in_the_hash_queue_while_it_waits(town: Town) -> None:
    places = []

    async def sleep(_: float) -> None:
        places.append(town.fakes.application.passwords.queue.waiting)

    async def look() -> None:
        places.append(town.fakes.application.passwords.queue.waiting)

    town.old.before = look
    object.__setattr__(town.migration, "sleep", sleep)
    assert await town.log_in(password=WRONG) == 401
    assert places == [0, 0]


@pytest.mark.parametrize("during", ["the question", "the wait"])
async def test_whoever_breaks_off_has_failed(make_town: MakeTown, during: str) -> None:
    """Otherwise the time alone would tell that a password is wrong, and the guess would cost nothing."""
    town = await make_town(throttle={"exempt": []})
    login = town.fakes.application.login
    begun = asyncio.Event()

    async def hang(_: float = 0) -> None:
        begun.set()
        await asyncio.Event().wait()

    if during == "the question":
        object.__setattr__(town.migration.answers, "_old_system", Hanging(hang))
    else:
        object.__setattr__(town.migration, "sleep", hang)
    visitor = Visitor("192.0.2.7")
    for _ in range(5):  # as many as the limits allow
        begun.clear()
        task = asyncio.create_task(login.with_password(ADA, WRONG, visitor))
        await begun.wait()
        task.cancel()
        await asyncio.wait([task])
    object.__setattr__(town.migration, "sleep", asyncio.sleep)
    object.__setattr__(town.migration, "timeout", -SLACK)
    object.__setattr__(town.migration.answers, "_old_system", Hanging(lambda: asyncio.sleep(0)))
    with pytest.raises(RateLimitedError):
        await login.with_password(ADA, WRONG, visitor)


@dataclass
class Hanging:
    hang: Callable[[], Awaitable[None]]

    async def ask(self, *_: object) -> tuple[int, bytes]:
        await self.hang()
        return 401, b""


async def test_an_outage_after_the_right_password_is_no_failed_login(make_town: MakeTown) -> None:
    town = await make_town(throttle={"exempt": []})
    for _ in range(6):

        async def fail(_: object) -> bool:
            raise OSError

        add_one = town.fakes.application.backends.moves.add_one
        town.fakes.application.backends.moves.add_one = fail  # type: ignore[method-assign, assignment] # a fake
        assert await town.log_in() in (500, 503)
        town.fakes.application.backends.moves.add_one = add_one  # type: ignore[method-assign] # as above
    assert await town.log_in() == 200


# --- and without the setting


async def test_without_the_setting_there_is_nothing_of_it(fakes: OnFakes) -> None:
    assert fakes.application.login.migration is None
    answer = await fakes.client.post("/auth/login", {"email": ADA, "password": PASSWORD})
    assert answer.status == 401
    await run_import(fakes, lines({"email": ADA}))
    assert (await fakes.client.post("/auth/login", {"email": ADA, "password": PASSWORD})).status == 401


async def test_an_export_keeps_apart_who_has_no_password_and_whose_is_elsewhere(town: Town, on_fakes: Any) -> None:
    await run_import(town.fakes, lines({"email": ADA}, {"email": "none@example.com", "passwordHash": ""}))
    await town.client.sign_up(email="here@example.com")
    for with_hashes in (False, True):
        written = [line async for line in town.fakes.application.exports.run(with_hashes=with_hashes)]
        told = {json.loads(line)["email"]: json.loads(line).get("passwordHash") for line in written}
        assert told["none@example.com"] == ""
        assert told[ADA] is None
        assert (told["here@example.com"] is not None) == with_hashes
        other: OnFakes = await on_fakes()
        await run_import(other, "\n".join(written).encode())
        stored = {user.canonical_email: user.password_hash for user in other.users.rows.values()}
        assert (stored[ADA], stored["none@example.com"]) == (marker_of(ADA), "")


async def test_a_forgotten_password_is_set_by_mail_and_the_old_one_is_over(town: Town) -> None:
    await town.moved_in()
    town.change(password_hash="$bcrypt-sha256$something")
    assert await town.log_in() == 401
    assert town.old.asked == []


async def test_an_account_says_whether_it_has_a_password(town: Town) -> None:
    told = facts(await town.moved_in())
    assert (told["has_password"], told["password_elsewhere"]) == (False, True)
    town.change(password_hash="")
    row = town.row()
    assert row is not None
    told = facts(row)
    assert (told["has_password"], told["password_elsewhere"]) == (False, False)
