"""What the doctor makes of facts that are hard to come by for real."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from service.doctor import admin, keys, passkeys, postgres, redis, seed, signup, srp, webhooks
from service.doctor import settings as settings_check
from service.doctor.finding import Finding, Level, counted, of_clock, require
from service.domain.administration.models import AdminToken
from service.domain.seals import Purpose, Seals
from service.domain.second_factors.relying_party import RelyingParty
from service.domain.signing.models import StoredKey
from service.domain.webhooks.models import EndpointState
from service.operator_errors import ConfigurationError
from service.settings import DatabaseSettings, KeySettings, Seed
from service.stores.facts import PostgresFacts, RedisFacts
from tests.support import builders
from tests.support.builders import NOON

GOOD_REDIS = RedisFacts(
    version="8.0",
    is_primary=True,
    is_loading=False,
    policy="noeviction",
    memory_used=10,
    memory_allowed=100,
    evicted=0,
    has_log=True,
    fsync="everysec",
    log_is_good=True,
    snapshots_are_good=True,
    lacking=(),
    powers=frozenset(),
    is_encrypted=True,
    is_watched=True,
    replicas=2,
    waits_for_replicas=True,
    ahead=timedelta(0),
)
GOOD_POSTGRES = PostgresFacts(
    version="17.2",
    version_number=170002,
    is_read_only=False,
    is_encrypted=True,
    is_superuser=False,
    may_make_tables=False,
    is_durable=True,
    room=197,
    in_use=3,
    has_schema=True,
    encoding="UTF8",
    isolation="read committed",
    lacking=(),
    forgets_statements=False,
    ahead=timedelta(0),
)
SERVE_ONLY = DatabaseSettings(migrate_on_start=False)
DAY = timedelta(days=1)
RUNS = {"engine": "lanes", "event_loop": "uvloop"}


def worst(findings: list[Finding]) -> tuple[str, Level]:
    """The one finding that is not ok, or the last of those that are."""
    (one,) = [finding for finding in findings if finding.level is not Level.OK] or [findings[-1]]
    assert bool(one.advice) is (one.level is not Level.OK)
    return one.check, one.level


def test_what_is_as_it_should_be_is_ok() -> None:
    findings = [*redis.judge(GOOD_REDIS), *postgres.judge(GOOD_POSTGRES, SERVE_ONLY)]
    assert {finding.level for finding in findings} == {Level.OK}


@pytest.mark.parametrize(
    ("facts", "check", "level"),
    [
        ({"is_primary": False}, "redis", Level.PROBLEM),
        ({"is_loading": True}, "redis", Level.PROBLEM),
        ({"version": "5.0.14"}, "redis.version", Level.PROBLEM),
        ({"lacking": ("HSET",)}, "redis.rights", Level.PROBLEM),
        ({"waits_for_replicas": False}, "redis.replicas", Level.WARNING),
        ({"replicas": 1}, "redis.replicas", Level.WARNING),
        ({"policy": "allkeys-lru"}, "redis.policy", Level.PROBLEM),
        ({"evicted": 1}, "redis.policy", Level.PROBLEM),
        ({"memory_allowed": 0}, "redis.memory", Level.WARNING),
        ({"memory_used": 80}, "redis.memory", Level.WARNING),
        ({"memory_used": 95}, "redis.memory", Level.PROBLEM),
        ({"has_log": False}, "redis.persistence", Level.WARNING),
        ({"fsync": "no"}, "redis.persistence", Level.WARNING),
        ({"log_is_good": False}, "redis.disk", Level.PROBLEM),
        ({"snapshots_are_good": False}, "redis.disk", Level.PROBLEM),
        ({"powers": frozenset({"FLUSHALL"})}, "redis.user", Level.WARNING),
        ({"ahead": timedelta(seconds=-9)}, "redis.clock", Level.PROBLEM),
    ],
)
def test_a_redis_that_is_not_as_it_should_be_is_named(facts: dict[str, Any], check: str, level: Level) -> None:
    assert worst(redis.judge(replace(GOOD_REDIS, **facts))) == (check, level)


@pytest.mark.parametrize(
    ("facts", "check", "level"),
    [
        ({"version_number": 120019}, "postgres", Level.PROBLEM),
        ({"encoding": "SQL_ASCII"}, "postgres.encoding", Level.PROBLEM),
        ({"isolation": "serializable"}, "postgres.isolation", Level.PROBLEM),
        ({"has_schema": False}, "postgres.rights", Level.PROBLEM),
        ({"lacking": ("UPDATE on users",)}, "postgres.rights", Level.PROBLEM),
        ({"forgets_statements": True}, "postgres.statements", Level.PROBLEM),
        ({"is_read_only": True}, "postgres.writable", Level.PROBLEM),
        ({"is_durable": False}, "postgres.durable", Level.PROBLEM),
        ({"is_superuser": True}, "postgres.role", Level.WARNING),
        ({"may_make_tables": True}, "postgres.role", Level.WARNING),
        ({"room": 9}, "postgres.connections", Level.PROBLEM),
        ({"room": 19}, "postgres.connections", Level.WARNING),
        ({"ahead": timedelta(seconds=2)}, "postgres.clock", Level.WARNING),
    ],
)
def test_a_postgres_that_is_not_as_it_should_be_is_named(facts: dict[str, Any], check: str, level: Level) -> None:
    assert worst(postgres.judge(replace(GOOD_POSTGRES, **facts), SERVE_ONLY)) == (check, level)


def test_replicas_are_asked_for_behind_sentinels_only() -> None:
    alone = replace(GOOD_REDIS, is_watched=False, replicas=0, waits_for_replicas=False)
    assert {finding.level for finding in redis.judge(alone)} == {Level.OK}


def test_a_problem_with_a_precondition_stops_the_start_in_one_line_and_no_other_does() -> None:
    require(postgres.judge_preconditions(replace(GOOD_POSTGRES, is_read_only=True, is_durable=False)))
    require(redis.judge_preconditions(replace(GOOD_REDIS, is_primary=False, policy="allkeys-lru")))
    with pytest.raises(
        ConfigurationError, match=r"^postgres\.encoding: .*LATIN1.*; create one .* TOKENHOUSE_DATABASE__URL$"
    ):
        require(postgres.judge_preconditions(replace(GOOD_POSTGRES, encoding="LATIN1")))
    with pytest.raises(ConfigurationError, match=r"^redis\.rights: .*HSET"):
        require(redis.judge_preconditions(replace(GOOD_REDIS, lacking=("HSET",))))


def test_a_role_that_cannot_migrate_though_it_should_is_named() -> None:
    assert worst(postgres.judge(GOOD_POSTGRES, DatabaseSettings())) == ("postgres.role", Level.WARNING)
    able = replace(GOOD_POSTGRES, may_make_tables=True)
    assert worst(postgres.judge(able, DatabaseSettings()))[1] is Level.OK


def test_behind_pgbouncer_the_connections_are_not_ours_to_count() -> None:
    few = replace(GOOD_POSTGRES, room=5)
    assert worst(postgres.judge(few, DatabaseSettings(migrate_on_start=False, statement_cache_size=0)))[1] is Level.OK


@pytest.mark.parametrize(
    ("seconds", "level"), [(0.9, Level.OK), (-0.9, Level.OK), (-1.5, Level.WARNING), (5.5, Level.PROBLEM)]
)
def test_clocks_may_differ_by_a_second(seconds: float, level: Level) -> None:
    assert of_clock("any", timedelta(seconds=seconds)).level is level


@pytest.mark.parametrize(
    ("sections", "check", "level"),
    [
        ({"tokens": {"issuer": "http://127.0.0.1:8080"}}, "issuer", Level.WARNING),
        ({"tokens": {"issuer": "http://auth.example.com"}}, "issuer", Level.WARNING),
        ({"tokens": {"access_lifetime": "25h"}}, "lifetimes", Level.WARNING),
        ({"server": {"host": "0.0.0.0"}}, "proxies", Level.WARNING),  # noqa: S104 - nothing listens here
        ({"server": {"trusted_proxies": ["0.0.0.0/0"]}}, "proxies", Level.PROBLEM),
        ({"throttle": {"enabled": False}}, "limits", Level.PROBLEM),
        ({"throttle": {"exempt": ["10.0.0.0/8"]}}, "limits.exempt", Level.WARNING),
        ({"passwords": {"bcrypt_rounds": 9}}, "passwords", Level.PROBLEM),
        ({"server": {"max_connections": 90_000}}, "open files", Level.WARNING),
        ({"logging": {"level": "DEBUG"}}, "log", Level.WARNING),
        ({"logging": {"format": "console"}}, "log", Level.WARNING),
    ],
)
def test_settings_of_a_desk_are_named(sections: dict[str, dict[str, Any]], check: str, level: Level) -> None:
    good: dict[str, dict[str, Any]] = {
        "tokens": {"issuer": "https://auth.example.com"},
        "passwords": {"bcrypt_rounds": 12},
    }
    assert worst(settings_check.judge(builders.settings(**good), 20_000, **RUNS))[1] is Level.OK
    settings = builders.settings(**{name: good.get(name, {}) | sections.get(name, {}) for name in good | sections})
    assert worst(settings_check.judge(settings, 20_000, **RUNS)) == (check, level)


GOOD_COGNITO: dict[str, dict[str, Any]] = {
    "tokens": {"issuer": "https://auth.example.com/eu-central-1_tokenhouse"},
    "passwords": {"bcrypt_rounds": 12},
    "cognito": {"enabled": True},
    "mail": {"url": "smtps://mail.example.com", "sender": "accounts@example.com"},
}


@pytest.mark.parametrize(
    ("sections", "check", "told"),
    [
        ({"tokens": {"issuer": "https://auth.example.com"}}, "cognito.issuer", "/eu-central-1_tokenhouse"),
        ({"cognito": {"pool_id": "eu-west-1_other"}}, "cognito.issuer", "=https://auth.example.com/eu-west-1_other "),
        ({"tokens": {"algorithm": "ES256"}}, "cognito.algorithm", "RS256"),
        ({"mail": {"url": ""}}, "cognito.sign_up", "ForgotPassword"),
        ({"mail": {"url": "inbox:"}, "cognito": {"confirm_signup": True}}, "cognito.sign_up", "kept"),
    ],
)
def test_what_cognitos_clients_do_not_accept_is_named(
    sections: dict[str, dict[str, Any]], check: str, told: str
) -> None:
    assert worst(settings_check.judge(builders.settings(**GOOD_COGNITO), 20_000, **RUNS))[1] is Level.OK
    both = {name: {**GOOD_COGNITO.get(name, {}), **sections.get(name, {})} for name in GOOD_COGNITO | sections}
    judged = settings_check.judge(builders.settings(**both), 20_000, **RUNS)
    assert worst(judged) == (check, Level.WARNING)
    [finding] = [one for one in judged if one.check == check]
    assert told in finding.said + finding.advice


def test_passwords_in_the_clear_are_named_and_with_the_endpoint_off_nothing_is() -> None:
    clear = {**GOOD_COGNITO, "tokens": {"issuer": "http://auth.example.com/eu-central-1_tokenhouse"}}
    levels = {one.check: one.level for one in settings_check.judge(builders.settings(**clear), 20_000, **RUNS)}
    assert levels["cognito.tls"] is Level.WARNING
    off = settings_check.judge(builders.settings(**clear | {"cognito": {"enabled": False}}), 20_000, **RUNS)
    assert [one.said for one in off if one.check.startswith("cognito")] == ["off"]


@pytest.mark.parametrize(
    ("asked", "runs", "level"),
    [
        ("auto", "lanes", Level.OK),
        ("auto", "wheel", Level.WARNING),
        ("wheel", "wheel", Level.OK),
        ("lanes", "lanes", Level.OK),
    ],
)
def test_the_slower_password_engine_is_named_unless_it_was_chosen(asked: str, runs: str, level: Level) -> None:
    settings = builders.settings(
        tokens={"issuer": "https://auth.example.com"}, passwords={"bcrypt_rounds": 12, "engine": asked}
    )
    [finding] = [
        one
        for one in settings_check.judge(settings, 20_000, engine=runs, event_loop="uvloop")
        if one.check == "password engine"
    ]
    assert finding.level is level
    assert runs in finding.said


@pytest.mark.parametrize(
    ("asked", "runs", "level"),
    [("auto", "uvloop", Level.OK), ("auto", "asyncio", Level.WARNING), ("asyncio", "asyncio", Level.OK)],
)
def test_a_missing_uvloop_is_named_unless_asyncio_was_chosen(asked: str, runs: str, level: Level) -> None:
    settings = builders.settings(server={"event_loop": asked})
    judged = settings_check.judge(settings, 20_000, engine="lanes", event_loop=runs)
    [finding] = [one for one in judged if one.check == "event loop"]
    assert finding.level is level
    assert runs in finding.said


def key(name: str, age: timedelta, *, is_active: bool) -> StoredKey:
    since = NOON - age
    return StoredKey(name, "RS256", "{}", b"", since, activates_at=since if is_active else None)


@pytest.mark.parametrize(
    ("held", "rotate_after", "check", "level"),
    [
        ([], None, "keys.active", Level.WARNING),
        ([key("n", DAY, is_active=False)], None, "keys.active", Level.PROBLEM),
        ([key("a", DAY, is_active=True)], None, "keys.next", Level.WARNING),
        ([key("a", 100 * DAY, is_active=True), key("n", DAY, is_active=False)], 90 * DAY, "keys.active", Level.WARNING),
        ([key("a", 400 * DAY, is_active=True), key("n", DAY, is_active=False)], None, "keys.active", Level.WARNING),
        ([key("a", 80 * DAY, is_active=True), key("n", DAY, is_active=False)], 90 * DAY, "keys.next", Level.OK),
    ],
)
def test_signing_keys_that_nobody_tends_are_named(
    held: list[StoredKey], rotate_after: timedelta | None, check: str, level: Level
) -> None:
    settings = KeySettings(rotate_after=rotate_after)
    assert worst(keys.judge(held, settings, timedelta(hours=1), NOON)) == (check, level)


OTHER_SECRET = "another secret, as long as one has to be: 0123456789"


@pytest.mark.parametrize(
    ("secrets", "found"),
    [
        ([OTHER_SECRET], {"secret": Level.PROBLEM, "secret.previous": Level.OK}),
        ([OTHER_SECRET, builders.SECRET], {"secret": Level.OK, "secret.previous": Level.WARNING}),
        ([builders.SECRET], {"secret": Level.OK, "secret.previous": Level.OK}),
    ],
)
def test_a_secret_that_is_wrong_is_not_taken_for_a_later_one(secrets: list[str], found: dict[str, Level]) -> None:
    ambient = builders.FakeAmbient()
    sealed = Seals([builders.SECRET], ambient).seal(Purpose.SIGNING_KEY_SEAL, b"{}", "a")
    held = replace(key("a", DAY, is_active=True), sealed_private_jwk=sealed)
    findings = keys.judge_seals([held], [], Seals(secrets, ambient), len(secrets) - 1)
    assert {finding.check: finding.level for finding in findings} == found


@pytest.mark.parametrize(("number", "said"), [(0, "0 problems"), (1, "1 problem"), (2, "2 problems")])
def test_one_of_a_kind_is_not_told_as_many(number: int, said: str) -> None:
    assert counted(number, "problem") == said


def test_one_key_that_was_looked_at_is_told_as_one() -> None:
    ambient = builders.FakeAmbient()
    seals = Seals([OTHER_SECRET, builders.SECRET], ambient)
    sealed = Seals([builders.SECRET], ambient).seal(Purpose.SIGNING_KEY_SEAL, b"{}", "a")
    held = replace(key("a", DAY, is_active=True), sealed_private_jwk=sealed)
    assert [finding.said for finding in keys.judge_seals([held], [], seals, 1)] == [
        "opens what is sealed (1 signing key and 0 API keys looked at)",
        "1 value sealed with an earlier secret (1 signing key and 0 API keys looked at)",
    ]
    assert keys.judge([held], KeySettings(), timedelta(hours=1), NOON)[0].said == "RS256, signs for 1 day"


PARTY = RelyingParty("example.com", ("https://example.com",))


@pytest.mark.parametrize(
    ("party", "is_installed", "usable", "others", "level", "said"),
    [
        (None, True, False, False, Level.OK, "none"),
        (None, True, False, True, Level.WARNING, "another domain than none"),
        (PARTY, True, True, False, Level.OK, "of example.com, used at https://example.com"),
        (PARTY, True, True, True, Level.WARNING, "another domain than example.com"),
        (PARTY, False, False, False, Level.OK, "extra is not installed"),
        (PARTY, False, True, False, Level.WARNING, "library is missing"),
    ],
)
def test_passkeys_that_nobody_can_use_are_told(
    party: RelyingParty | None, *, is_installed: bool, usable: bool, others: bool, level: Level, said: str
) -> None:
    found = passkeys.judge(party, is_installed=is_installed, usable=usable, others=others)
    assert (found.check, found.level) == ("passkeys", level)
    assert said in found.said


@pytest.mark.parametrize(
    ("mode", "has_mail", "has_accounts", "level", "said"),
    [
        ("open", False, False, Level.OK, "everybody"),
        ("invited", True, True, Level.OK, "whoever has an invitation"),
        ("invited", False, True, Level.OK, "without mail, operators pass its link on"),
        ("invited", True, False, Level.WARNING, "no account yet"),
        ("closed", False, True, Level.OK, "nobody"),
        ("closed", True, False, Level.WARNING, "no account yet"),
    ],
)
def test_a_sign_up_by_which_nobody_has_come_in_yet_is_told(
    mode: Any, *, has_mail: bool, has_accounts: bool, level: Level, said: str
) -> None:
    found = signup.judge(mode, has_mail=has_mail, has_accounts=has_accounts)
    assert (found.check, found.level) == ("signup", level)
    assert said in found.said
    assert ("tokenhouse" in found.advice) is (level is Level.WARNING)


SECRET_CLIENTS = ({"introspection": {"billing": "cs_0123456789abcdefghij"}}, {"cognito": {"web": "0" * 24}})


@pytest.mark.parametrize(
    ("held", "is_secret"),
    [
        ({}, False),
        ({"users": [{"email": "ada@example.com"}], "clients": {"cognito": {"web": ""}}}, False),
        ({"users": [{"email": "ada@example.com", "password": "SecurePass1!"}]}, True),
        *(({"clients": clients}, True) for clients in SECRET_CLIENTS),
    ],
)
def test_secrets_in_a_seed_are_told_where_others_can_log_in(held: dict[str, Any], *, is_secret: bool) -> None:
    read, file = Seed.model_validate(held), Path("/etc/seed.yaml")
    for issuer in ("http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080"):
        assert seed.judge(read, file, issuer).level is Level.OK
    found = seed.judge(read, file, "https://auth.example.com")
    assert found.level is (Level.WARNING if is_secret else Level.OK)
    assert "Secure" not in found.said + found.advice


@pytest.mark.parametrize(
    ("is_on", "is_installed", "are_stored", "level", "said"),
    [
        (False, False, False, Level.OK, "off"),
        (False, True, True, Level.WARNING, "verifiers of passwords are stored"),
        (True, True, True, Level.OK, "on"),
        (True, False, False, Level.WARNING, "Python's own powers"),
    ],
)
def test_verifiers_that_nobody_needs_and_slow_powers_are_told(
    *, is_on: bool, is_installed: bool, are_stored: bool, level: Level, said: str
) -> None:
    found = srp.judge(is_on=is_on, is_installed=is_installed, are_stored=are_stored)
    assert (found.check, found.level) == ("srp", level)
    assert said in found.said


@pytest.mark.parametrize(
    ("facts", "level", "told"),
    [
        ({}, Level.OK, "3 wait"),
        ({"oldest": timedelta(minutes=15)}, Level.OK, "3 wait"),
        ({"oldest": timedelta(minutes=16)}, Level.WARNING, "the oldest event has for 16 min"),
        ({"failed": 2, "last_reply": "503"}, Level.WARNING, "2 given up in the last two weeks; the latest reply: 503"),
        ({"failed": 1}, Level.WARNING, "the latest reply: none"),
    ],
)
def test_deliveries_of_webhooks_that_wait_for_long_or_were_given_up_are_told(
    facts: dict[str, Any], level: Level, told: str
) -> None:
    usual = {"endpoint": "crm", "waiting": 3, "oldest": timedelta(0), "failed": 0, "last_reply": ""}
    found = webhooks.judge_state(EndpointState(**{**usual, **facts}))
    assert (found.check, found.level) == ("webhooks.crm.deliveries", level)
    assert told in found.said
    assert (level is Level.OK) or "tokenhouse webhooks" in found.advice


@pytest.mark.parametrize(
    ("said", "levels"),
    [
        ({}, [Level.OK]),
        ({"admin": {"enabled": True}}, [Level.WARNING, Level.OK]),
        ({"admin": {"enabled": True, "sources": "192.0.2.0/24"}}, [Level.OK, Level.OK]),
        ({"admin": {"enabled": True, "sources": "192.0.2.0/24,::/0"}}, [Level.WARNING, Level.OK]),
        (
            {"admin": {"enabled": True, "sources": "192.0.2.0/24"}, "audit": {"enabled": False}},
            [Level.OK, Level.WARNING],
        ),
    ],
)
def test_an_admin_api_should_answer_to_few_and_leave_a_trace(said: dict[str, Any], levels: list[Level]) -> None:
    assert [one.level for one in admin.judge(builders.settings(**said))] == levels


@pytest.mark.parametrize(
    ("left", "level", "said"),
    [
        ([90, 15], Level.OK, "2 tokens, of which none expires within 14 days"),
        ([], Level.OK, "0 tokens, of which none expires within 14 days"),
        ([90, 14], Level.WARNING, "one expires in 14 days"),
        ([1, 0], Level.WARNING, "zero expires in 1 day, one expires in 0 days"),
        ([-1], Level.WARNING, "zero has expired"),
    ],
)
def test_admin_tokens_that_expire_soon_are_named(left: list[int], level: Level, said: str) -> None:
    tokens = [
        AdminToken(
            id=UUID(int=number),
            name=["zero", "one"][number],
            scopes=(),
            networks=(),
            created_at=builders.NOON,
            expires_at=builders.NOON + timedelta(days=days),
        )
        for number, days in enumerate(left)
    ]
    (found,) = admin.judge_tokens(tokens, builders.NOON)
    assert (found.level, found.said) == (level, said)
