"""Every query of the stores, on a million rows of each big table: none reads a table from end to end, none is endless."""

import ast
import asyncio
import importlib
import json
import pkgutil
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import md5
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from service import stores
from service.ambient import Ambient
from service.coalescing import MOST
from service.domain.administration import overview
from service.domain.recovery.models import DISTRUSTED
from service.domain.resource_servers import revocation_feed
from service.domain.sessions import revocation
from service.domain.transfer import exports, imports
from service.domain.webhooks import worker
from service.embedded import Stores
from service.stores import (
    audit,
    email_changes,
    invitations,
    outbox,
    pending_revocations,
    revocations,
    rights,
    srp_verifiers,
    webhook_cursors,
    webhook_deliveries,
)
from tests.support.databases import empty_database
from tests.support.million_rows import BIG, ROWS, fill

QUERY = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b")
ASKING = {"execute", "executemany", "fetch", "fetchrow", "fetchval", "cursor", "prepare"}
ASKED_FOR = 20_000  # rows of a table that one statement may look at: some times what it may give or take
IN_FORCE = 2 * ROWS // 31  # entries of an index: as many as the round of the feed that begins with it will give
# An overview of a day counts what there was, up to a bound, for a person who asks.
MORE = {"revocations.IN_FORCE": IN_FORCE, "audit.COUNTS": overview.MOST_COUNTED}
# Of a dozen rows: gone keys are removed, migrations are files of ours, settings change seldom, endings are finished, and
# endpoints, admin tokens and admins are a handful.
SMALL = {
    "signing_keys",
    "schema_migrations",
    "longest_lives",
    "pending_endings",
    "webhook_cursors",
    "admin_tokens",
    "admins",
}


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.iter_modules(stores.__path__, f"{stores.__name__}."):
        yield importlib.import_module(found.name)


def found() -> dict[str, str]:
    return {
        f"{module.__name__.removeprefix('service.stores.')}.{name}": value
        for module in modules()
        for name, value in vars(module).items()
        if isinstance(value, str) and QUERY.match(value)
    }


QUERIES = found()

# --- what each is asked with: as much as the service asks at once, of those who have the most


def digest(text: str) -> bytes:
    return md5(text.encode(), usedforsecurity=False).digest()


def some(count: int) -> list[str]:
    """Ids that are there, far from each other."""
    return [digest(str(number)).hex() for number in range(1, ROWS, ROWS // count)][:count]


NOW = datetime.now(UTC)
MONTHS_AGO = NOW - timedelta(days=90)
HEAVY, ONE, KEY = UUID(digest("heavy").hex()), UUID(digest("1").hex()), digest("1")
MANY = [UUID(one) for one in some(MOST)]
FRESH = [Ambient().new_uuid() for _ in range(MOST)]
TEXTS, TIMES, USERS = ["x"] * MOST, [NOW] * MOST, [HEAVY] * MOST
FLAGS = [False] * MOST
PERSON = (
    FRESH[0],
    "new@example.com",
    "new@example.com",
    "Ada",
    "Lovelace",
    "hash",
    b"sealed",
    NOW,
    NOW,
    "",
    b"new",
    True,
    "{}",
    NOW,
    ["staff"],
    "{}",
)
BATCH = [Ambient().new_uuid() for _ in range(imports.BATCH)]
ADDRESSES, NAMES = [f"{one}@example.com" for one in BATCH], ["x"] * imports.BATCH
LIMIT = 1_000
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)  # when the passwords of all were set
CHANGE = UUID(digest("change 1").hex())
ENDING = (FRESH[0], ONE, "kept", "password_changed", NOW)

ARGUMENTS: Mapping[str, Sequence[object]] = {
    "audit.INSERT": (FRESH, TIMES, TEXTS, TEXTS, TEXTS, USERS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS),
    "admin_tokens.INSERT": (FRESH[0], "ci", ["users:read"], [], NOW, NOW, None, b"new"),
    "admin_tokens.ALL": (),
    "admin_tokens.BY_DIGEST": (KEY,),
    "admin_tokens.NOTE_USE": (ONE, NOW),
    "admin_tokens.REMOVE": ("ci",),
    "admins.GRANT": (HEAVY, NOW, "ada@bastion"),
    "admins.REVOKE": (HEAVY,),
    "admins.FIND": (HEAVY,),
    "admins.ALL": (),
    "audit.COUNTS": (MONTHS_AGO, overview.MOST_COUNTED),
    "audit.LATEST": (MONTHS_AGO, LIMIT, NOW, ONE),
    "audit.OF_NAME": (MONTHS_AGO, LIMIT, NOW, ONE, "authn_login_success"),
    "audit.OF_USER": (HEAVY, "<heavy>", MONTHS_AGO, LIMIT, NOW, ONE),
    "audit.FORGET": (MONTHS_AGO, audit.AT_ONCE),
    "email_changes.REQUEST": (FRESH[0], HEAVY, "New@example.com", "new@example.com", NOW),
    "email_changes.WAITING": (HEAVY,),
    "email_changes.UNDOABLE": (HEAVY, NOW),
    "email_changes.CONFIRM": (*ENDING, CHANGE, LONG_AGO, "u1@example.com", NOW, NOW + 7 * DAY, FRESH[1], True),
    "email_changes.UNDO": (*ENDING, CHANGE, NOW, "hash", b"sealed", b"new", FRESH[1], DISTRUSTED),
    "email_changes.FORGET": (NOW - 8 * DAY, email_changes.AT_ONCE),
    "health.STATE": rights.needed(),
    "inspection.POSTGRES": (),
    "account_lock.LOCK": (HEAVY,),
    "account_lock.IS_OVER": (HEAVY, "session"),
    "migrations.TRY_LOCK": (1,),
    "migrations.HAS_LEDGER": (),
    "migrations.APPLIED": (),
    "migrations.ENTER": ("9999_x.sql", b"x"),
    "moves.INSERT": (
        BATCH,
        *[ADDRESSES] * 2,
        *[NAMES] * 3,
        *[[one.bytes for one in BATCH]] * 2,
        *[[NOW] * imports.BATCH] * 4,
        NAMES,
        [True] * imports.BATCH,
        NAMES,
        *[["{}"] * imports.BATCH] * 2,
    ),
    "moves.FILE_RESETS": (BATCH, ADDRESSES, NAMES, "reset"),
    "moves.HOLDERS": ([f"u{number}@example.com" for number in range(imports.BATCH)], BATCH),
    "moves.GIVEN_UP": ([f"u{number}@example.com" for number in range(imports.BATCH)], NOW),
    "moves.PAGE": (UUID(int=0), exports.PAGE),
    "outbox.INSERT": (FRESH[0], "reset", "ada@example.com", ONE, "de", "{}"),
    "outbox.CLAIM": (4, HOUR),
    "outbox.POSTPONE": (ONE, HOUR, "451"),
    "outbox.PUT_BACK": (ONE, HOUR),
    "outbox.GIVE_UP": (ONE, "550"),
    "outbox.KEEP": (FRESH[0], "reset", "ada@example.com", ONE, "de", "{}", b"x"),
    "outbox.REMOVE": (ONE,),
    "outbox.STATE": (outbox.MOST_COUNTED,),
    "outbox.FORGET": (HOUR, outbox.AT_ONCE),
    "outbox.KEPT": (LIMIT, "u2@example.com", outbox.MOST_SHOWN),
    "outbox.KEPT_ONE": (UUID(digest("2").hex()),),
    "pooler.BACKEND": (),
    "profiles.BY_IDS": (MANY,),
    "profiles.CHANGE": (ONE, "Ada", None, '{"nickname": "A."}', ["gender"]),
    "proved_users.RESET": (*ENDING, LONG_AGO, "u1@example.com", "hash", True, NOW, b"sealed", b"new", False),
    "proved_users.PROVE": (ONE, "u1@example.com", NOW),
    "revocations.TRY_LOCK": (1,),
    "invitations.INSERT": (FRESH[0], "New@example.com", "new@example.com", True, NOW, NOW + DAY),
    "invitations.FIND": (ONE, NOW),
    "invitations.LATEST": (NOW, LIMIT),
    "invitations.REMOVE": (ONE,),
    "invitations.FORGET": (NOW, invitations.AT_ONCE),
    "longest_lifetimes.USE": (3_605, 2_592_000),
    "named_api_keys.REMOVE_EXPIRED": (HEAVY, NOW),
    "named_api_keys.INSERT": (FRESH[0], ONE, "name", "nk_", ["a"], None, NOW, None, b"new", 50),
    "named_api_keys.OF_USER": (HEAVY,),
    "named_api_keys.BY_DIGESTS": ([one.bytes for one in MANY],),
    "named_api_keys.REMOVE": (HEAVY, ONE),
    "named_api_keys.NOTE_USES": (MANY[:500], TIMES[:500]),
    "passkeys.OF_USER": (HEAVY,),
    "passkeys.FIND": (digest("key1"),),
    "passkeys.USE": (digest("key1"), 7, True, NOW),
    "passkeys.HELD": (HEAVY,),
    "passkeys.INSERT": (b"new", ONE, "A phone", b"key", 0, True, ["internal"], FRESH[0], "example.com", NOW),
    "passkeys.RENAME": (ONE, digest("key1"), "Another"),
    "passkeys.REMOVE": (ONE, digest("key1")),
    "passkeys.ARE_THERE": ("example.com",),
    "pending_revocations.ENTER": ENDING,
    "pending_revocations.REMOVE": (ONE,),
    "pending_revocations.TAKE_OVER": (pending_revocations.AT_ONCE,),
    "revocations.INSERT": ([one.hex for one in FRESH], USERS, 3_665, 2_592_000),
    "revocations.FORGET": (revocations.AT_ONCE,),
    "revocations.OF_USER": (HEAVY, "", revocation.PAGE),
    "revocations.DENIED": (NOW, "", revocations.AT_ONCE),
    "revocations.WHICH": (some(MOST),),
    "revocations.AFTER": ("0", "", revocation_feed.LIMIT),
    "revocations.IN_FORCE": ("0",),
    "rights.LACKING": rights.needed(),
    "second_factors.OF_USER": (ONE,),
    "second_factors.TOTP_SECRET": (ONE,),
    "second_factors.USE_STEP": (ONE, 2_000_000),
    "second_factors.USE_RECOVERY_CODE": (ONE, [KEY] * 3),
    "second_factors.ADD_TOTP": (ONE, b"x", NOW, 1),
    "second_factors.KEEP_TOTP": (ONE, b"x", NOW, 1),
    "second_factors.IS_TOTP_ON": (ONE,),
    "second_factors.TURN_ON_TOTP": (ONE, NOW),
    "second_factors.TURN_OFF_TOTP": (ONE,),
    "second_factors.IS_STILL": (ONE, LONG_AGO),
    "second_factors.REMOVE_TOTP": (ONE,),
    "second_factors.REMOVE_EVERY_TOTP": (ONE,),
    "second_factors.REMOVE_PASSKEYS": (ONE,),
    "second_factors.REMOVE_RECOVERY_CODES": (ONE,),
    "second_factors.ADD_RECOVERY_CODES": (ONE, [one.bytes for one in FRESH[:10]]),
    "second_factors.MARK": (ONE, NOW),
    "second_factors.UNMARK": (ONE,),
    "second_factors.SEALED_TOTP": (UUID(int=0), 500),
    "second_factors.RESEAL_TOTP": (MANY, [one.bytes for one in MANY], [b"x"] * MOST),
    "signing_keys.TAKE_LOCK": (1,),
    "signing_keys.ALL": (),
    "signing_keys.ANY": (),
    "signing_keys.PUT": ("kid", "RS256", "{}", b"x", NOW, None, None, None, None),
    "signing_keys.REMOVE": (["kid"],),
    "srp_verifiers.BY_EMAIL": ("u1@example.com",),
    "srp_verifiers.BY_ID": (ONE,),
    "srp_verifiers.PUT": (ONE, "eu_1", b"salt", b"x", LONG_AGO),
    "srp_verifiers.REMOVE_SOME": (srp_verifiers.AT_ONCE,),
    "srp_verifiers.ARE_THERE": (),
    "srp_verifiers.SEALED": (UUID(int=0), 500),
    "srp_verifiers.RESEAL": (MANY, [one.bytes for one in MANY], [b"x"] * MOST),
    "user_directory.PAGE": ("u", "u\x7f", "u5@example.com", LIMIT),
    "user_directory.CHANGE": (ONE, ["a"], ["b"], "Augusta", None, 100, '{"tier": 3}', ["team"], 1_000, 2_500),
    "webhook_cursors.BEGIN": (["crm", "new"],),
    "webhook_cursors.UNREAD": (["crm", "away"], worker.READ_AT_ONCE),
    "webhook_cursors.ADVANCE": ("crm", "999000", UUID(int=0), "999100", ONE, FRESH, FRESH, TEXTS, TEXTS, FLAGS),
    "webhook_cursors.SETTLED": (),
    "webhook_cursors.RENUMBER": ("800", webhook_cursors.AT_ONCE),
    "webhook_cursors.UNNUMBER": (webhook_cursors.AT_ONCE,),
    "webhook_cursors.REBASE": ("800",),
    "webhook_deliveries.CLAIM_FIRST": ("crm", worker.LANES, HOUR),
    "webhook_deliveries.CLAIM": ("crm", worker.LANES, HOUR),
    "webhook_deliveries.DELIVER": (ONE, "204"),
    "webhook_deliveries.POSTPONE": (ONE, HOUR, "503"),
    "webhook_deliveries.GIVE_UP": (ONE, "503"),
    "webhook_deliveries.LISTED": ("", ONE, webhook_deliveries.LAST_ID, LIMIT),
    "webhook_deliveries.LISTED_FAILED": ("crm", None, webhook_deliveries.LAST_ID, LIMIT),
    "webhook_deliveries.RETRY": (ONE,),
    "webhook_deliveries.RETRY_FAILED": ("crm", webhook_deliveries.AT_ONCE),
    "webhook_deliveries.STATE": (["crm", "away"], webhook_deliveries.MOST_COUNTED),
    "webhook_deliveries.FORGET": (DAY, webhook_deliveries.AT_ONCE),
    "webhook_deliveries.FORGET_ORPHANS": (DAY, webhook_deliveries.AT_ONCE, ["crm"]),
    "users.INSERT": PERSON,
    "users.INSERT_INVITED": (*PERSON, ONE),
    "users.BY_EMAIL": ("u1@example.com",),
    "users.BY_IDS": (MANY,),
    "users.BY_API_KEYS": ([one.bytes for one in MANY] * 2,),
    "users.SET_API_KEY": (ONE, b"x", b"x", NOW),
    "users.SET_PASSWORD": (*ENDING, NOW, "hash"),
    "users.REMOVE": ENDING,
    "users.UPGRADE_PASSWORD": (ONE, "x" * 60, "hash"),
    "users.SEALED_API_KEYS": (UUID(int=0), 500),
    "users.RESEAL_API_KEYS": (MANY, [one.bytes for one in MANY], [b"x"] * MOST, [one.bytes for one in FRESH]),
    "users.DISABLE": (*ENDING, NOW),
    "users.ENABLE": (ONE,),
    "users.SET_NAMES": (ONE, "Augusta", None),
    "users.CHANGE_CLAIMS": (ONE, '{"tier": 3}', ["team"], 1_000),
    "users.CHANGE_GROUPS": (ONE, ["a"], ["b"], 100, 2_500),
}


# --- asking


@pytest.fixture(scope="module")
def million(embedded: Stores) -> Iterator[str]:
    """The URL of a database with a million rows in each big table."""
    with _kept_open(empty_database(embedded)) as url:
        asyncio.run(fill(url))
        yield url


@contextmanager
def _kept_open(context: Any) -> Iterator[str]:
    """An asynchronous context, over the tests of a module: each of these has a loop of its own."""
    with asyncio.Runner() as runner:
        yield runner.run(context.__aenter__())
        runner.run(context.__aexit__(None, None, None))


def literal(value: object) -> str:
    match value:
        case None:
            return "NULL"
        case bytes():
            text = f"\\x{value.hex()}"
        case list():
            text = "{" + ",".join('"' + _text(one).replace("\\", "\\\\") + '"' for one in value) + "}"
        case _:
            text = _text(value)
    return "'" + text.replace("'", "''") + "'"


def _text(value: object) -> str:
    return f"\\x{value.hex()}" if isinstance(value, bytes) else str(value)


async def explained(url: str, query: str, arguments: Sequence[object], mode: str) -> Mapping[str, Any]:
    """The plan, as it was run; what it changed is undone."""
    connection = await asyncpg.connect(url, server_settings={"plan_cache_mode": mode})
    try:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(f"PREPARE query AS {query}")
        given = f"({', '.join(map(literal, arguments))})" if arguments else ""
        said = await connection.fetchval(f"EXPLAIN (ANALYZE, TIMING off, FORMAT json) EXECUTE query{given}")
        await transaction.rollback()
    finally:
        await connection.close()
    plan: Mapping[str, Any] = json.loads(said)[0]["Plan"]
    return plan


def nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def faults(plan: Mapping[str, Any], most: int = ASKED_FOR) -> Iterator[str]:
    for node in nodes(plan):
        table, kind = node.get("Relation Name", ""), node["Node Type"]
        if table in BIG and kind == "Seq Scan":
            yield f"reads all of {table}"
        if "Scan" in kind:
            dropped = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
            if (rows := (node["Actual Rows"] + dropped) * node["Actual Loops"]) > most:
                yield f"looks at {rows:.0f} rows of {table or node.get('Index Name', kind)}"
    if plan["Actual Rows"] > ASKED_FOR:
        yield f"gives {plan['Actual Rows']:.0f} rows"


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"], ids=["custom", "generic"])
@pytest.mark.parametrize("name", QUERIES, ids=str)
async def test_a_query_costs_what_it_is_asked_for(million: str, name: str, mode: str) -> None:
    """Postgres chooses between the plan for these very arguments and one for any, so both must do."""
    assert name in ARGUMENTS, f"say what {name} is asked with at the most, in ARGUMENTS"
    plan = await explained(million, QUERIES[name], ARGUMENTS[name], mode)
    assert list(faults(plan, MORE.get(name, ASKED_FOR))) == []


# --- that nothing is forgotten, and that faults are found


def test_every_query_has_its_arguments_and_no_other_has() -> None:
    assert len(QUERIES) > 30
    assert ARGUMENTS.keys() == QUERIES.keys()


def test_the_stores_ask_nothing_but_their_named_queries() -> None:
    """Statements that make or set something are named too, and need no plan."""
    others = {"LEDGER", "NEVER_IDLE"}
    handed_on = {
        ("postgres", "query"),
        ("timed_redis", "raise_on_error"),
        ("migrations", "script"),
        ("migrations", "statement"),
    }
    known = {name.partition(".")[2] for name in QUERIES} | others
    count = 0
    for module in modules():
        own = module.__name__.removeprefix("service.stores.")
        for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ASKING:
                if not node.args:  # a pipeline of Redis
                    continue
                asked = node.args[0]
                if isinstance(asked, ast.Constant) and asked.value == "BEGIN":
                    continue
                assert isinstance(asked, ast.Name), f"{own}:{node.lineno}: name the query"
                assert asked.id in known or (own, asked.id) in handed_on, f"{own}:{node.lineno}: {asked.id}"
                count += 1
    assert count > 30


def test_the_small_tables_are_those_that_do_not_grow_with_users(million: str) -> None:
    async def tables() -> set[str]:
        connection = await asyncpg.connect(million)
        rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        await connection.close()
        return {row["tablename"] for row in rows}

    assert asyncio.run(tables()) == {*BIG, *SMALL}, "fill the new table with a million rows, or say why it stays small"


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("SELECT * FROM users WHERE first_name = 'Grace'", "reads all of users"),
        ("SELECT * FROM revocations WHERE user_id = $1", "looks at 100000 rows of revocations"),
        ("DELETE FROM revocations WHERE forget_at <= now()", "looks at"),
        ("SELECT id FROM users ORDER BY id", "gives 1000000 rows"),
        ("SELECT count(*) FROM audit_events WHERE at > now() - interval '60 days'", "looks at"),
    ],
)
async def test_a_query_that_costs_more_is_found(million: str, query: str, fault: str) -> None:
    arguments = [HEAVY] if "$1" in query else []
    told = list(faults(await explained(million, query, arguments, "auto")))
    assert [one for one in told if one.startswith(fault)], told
