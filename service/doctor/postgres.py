"""Postgres: reachable, writable, durable, up to date, with free connections, and a role without excess rights."""

from collections.abc import Sequence

from service.doctor.finding import Finding, of_clock, ok, problem, warning
from service.settings import DatabaseSettings
from service.stores.facts import PostgresFacts

OLDEST = 130000  # Postgres 13, the first with `xid8`
ENCODING = "UTF8"
ISOLATION = "read committed"
ROLES = "deploy/postgres/roles.sql shows how"


def judge(facts: PostgresFacts, settings: DatabaseSettings) -> list[Finding]:
    return [
        *judge_preconditions(facts),
        _writable(facts),
        _durable(facts),
        _role(facts, settings),
        _room(facts, settings),
        of_clock("postgres.clock", facts.ahead),
    ]


def judge_preconditions(facts: PostgresFacts) -> list[Finding]:
    """A problem among these stops the start: waiting does not solve it."""
    return [_server(facts), _encoding(facts), _isolation(facts), _rights(facts), _statements(facts)]


def judge_schema(pending: Sequence[str], *, may_migrate: bool) -> Finding:
    """`pending`: migrations that this version has and the database has not."""
    if not pending:
        return ok("postgres.schema", "up to date")
    said = f"behind by {len(pending)} ({pending[-1]} is missing)"
    if may_migrate:
        return warning("postgres.schema", said, "the next start brings it up to date, or `tokenhouse migrate`")
    return problem("postgres.schema", said, "run `tokenhouse migrate` as the role that owns the schema")


def _server(facts: PostgresFacts) -> Finding:
    said = f"{facts.version}, {'over TLS' if facts.is_encrypted else 'in the clear'}"
    if facts.version_number < OLDEST:
        return problem("postgres", said, "Tokenhouse needs Postgres 13 or newer")
    return ok("postgres", said)


def _encoding(facts: PostgresFacts) -> Finding:
    if facts.encoding == ENCODING:
        return ok("postgres.encoding", ENCODING)
    return problem(
        "postgres.encoding",
        f"the database is in {facts.encoding}: it cannot hold everybody's name",
        f"create one with ENCODING '{ENCODING}' TEMPLATE template0, and name it in TOKENHOUSE_DATABASE__URL",
    )


def _isolation(facts: PostgresFacts) -> Finding:
    if facts.isolation == ISOLATION:
        return ok("postgres.isolation", ISOLATION)
    return problem(
        "postgres.isolation",
        f"default_transaction_isolation is {facts.isolation}: concurrent calls would fail",
        f"ALTER ROLE the service's role SET default_transaction_isolation = '{ISOLATION}'",
    )


def _rights(facts: PostgresFacts) -> Finding:
    if not facts.has_schema:
        return problem(
            "postgres.rights",
            "the service's role may use no schema of its search_path",
            f"GRANT USAGE ON SCHEMA, or look at search_path in TOKENHOUSE_DATABASE__URL; {ROLES}",
        )
    if not facts.lacking:
        return ok("postgres.rights", "on every table that is there")
    return problem(
        "postgres.rights",
        f"the service's role lacks {', '.join(facts.lacking)}",
        f"grant it; {ROLES}",
    )


def _statements(facts: PostgresFacts) -> Finding:
    if not facts.forgets_statements:
        return ok("postgres.statements", "prepared ones are kept, or none is used")
    return problem(
        "postgres.statements",
        "a pooler in transaction mode forgets prepared statements",
        "set TOKENHOUSE_DATABASE__STATEMENT_CACHE_SIZE=0 (docs/engines.md, PgBouncer)",
    )


def _writable(facts: PostgresFacts) -> Finding:
    if facts.is_read_only:
        return problem(
            "postgres.writable",
            "read-only: a replica, or default_transaction_read_only",
            "name the primary, or all hosts, in TOKENHOUSE_DATABASE__URL",
        )
    return ok("postgres.writable", "yes")


def _durable(facts: PostgresFacts) -> Finding:
    if facts.is_durable:
        return ok("postgres.durable", "what is committed is on disk")
    return problem(
        "postgres.durable",
        "a crash may lose what was acknowledged: a logout among it",
        "set fsync, full_page_writes and synchronous_commit to on",
    )


def _role(facts: PostgresFacts, settings: DatabaseSettings) -> Finding:
    advice = "migrate as an owner and serve as a role of its own: deploy/postgres/roles.sql shows how"
    if facts.is_superuser:
        return warning("postgres.role", "the service is a superuser", advice)
    if facts.may_make_tables and not settings.migrate_on_start:
        return warning("postgres.role", "the service may change the schema, though it does not migrate", advice)
    if settings.migrate_on_start and not facts.may_make_tables:
        return warning(
            "postgres.role",
            "database.migrate_on_start is true, but the role may not make tables",
            "set TOKENHOUSE_DATABASE__MIGRATE_ON_START=false, and run `tokenhouse migrate` as the owner",
        )
    may = "may change the schema, for it migrates" if facts.may_make_tables else "may not change the schema"
    return ok("postgres.role", may)


def _room(facts: PostgresFacts, settings: DatabaseSettings) -> Finding:
    instances = facts.room // settings.pool_max
    said = f"{facts.room} connections, {facts.in_use} in use: room for {instances} instances of {settings.pool_max}"
    advice = "raise max_connections, lower database.pool_max, or put PgBouncer in between (docs/deployment.md)"
    if settings.statement_cache_size == 0:
        return ok("postgres.connections", f"{said}, fewer than PgBouncer lets in if it stands in between")
    if instances < 1:
        return problem("postgres.connections", said, advice)
    if instances < 2:  # noqa: PLR2004 - one more instance, for as long as an upgrade takes
        return warning("postgres.connections", said, advice)
    return ok("postgres.connections", said)
