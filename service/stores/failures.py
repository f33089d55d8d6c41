"""Classifies the drivers' errors: temporary, permanent, or a missing privilege."""

import re
import ssl
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

import asyncpg
from redis import exceptions as redis
from redis.sentinel import MasterNotFoundError

from service.operator_errors import ConfigurationError

DATABASE_URL, REDIS_URL = "TOKENHOUSE_DATABASE__URL", "TOKENHOUSE_REDIS__URL"


class FailureKind(StrEnum):
    WAIT = "wait"
    NEVER = "never"
    RIGHTS = "rights"


class Failure(NamedTuple):
    """`advice`: which setting, and what to do; empty for a temporary failure. It quotes no value of a setting."""

    kind: FailureKind
    advice: str = ""


class Rule(NamedTuple):
    """Matches errors of `classes` whose message matches `says`, whose first group replaces `({})` in `advice`."""

    classes: type[Exception] | tuple[type[Exception], ...]
    kind: FailureKind
    advice: str
    says: str = ""


PASSES = Failure(FailureKind.WAIT)
OPTION = r'(?:.*?"([A-Za-z_][\w.]*)")?'  # Postgres quotes the name, in most languages with these marks
CONNECTING = (  # errors of Postgres, PgBouncer or asyncpg when a connection is opened
    Rule(asyncpg.InvalidPasswordError, FailureKind.NEVER, f"Postgres refuses the password in {DATABASE_URL}"),
    Rule(
        asyncpg.InvalidAuthorizationSpecificationError,
        FailureKind.NEVER,
        f"Postgres lets the user of {DATABASE_URL} not in: there is none of this name, or pg_hba.conf has no line for"
        " it, the database, this address and TLS",
    ),
    Rule(
        asyncpg.InvalidCatalogNameError,
        FailureKind.NEVER,
        f"the database that {DATABASE_URL} names does not exist: create it, in UTF8",
    ),
    Rule(
        asyncpg.InsufficientPrivilegeError,
        FailureKind.RIGHTS,
        f"the user of {DATABASE_URL} may not connect to its database: GRANT CONNECT ON DATABASE",
    ),
    Rule(
        (asyncpg.SyntaxOrAccessError, asyncpg.DataError, asyncpg.CantChangeRuntimeParamError),
        FailureKind.NEVER,
        f"Postgres refuses an option ({{}}) of {DATABASE_URL}: leave it out, or set it right",
        OPTION,
    ),
    Rule(
        asyncpg.PostgresConnectionError,
        FailureKind.NEVER,
        f"PgBouncer refuses an option ({{}}) of {DATABASE_URL}: leave it out, or see its ignore_startup_parameters",
        r"unsupported startup parameter:? ?(?:in options: )?([A-Za-z_][\w.]*)?",
    ),
    Rule(
        (asyncpg.ClientConfigurationError, asyncpg.UnsupportedClientFeatureError, ValueError),
        FailureKind.NEVER,
        f"asyncpg refuses {DATABASE_URL}: look at its options, and at PG* environment variables",
    ),
)
QUERYING = (  # errors of Postgres for a query
    Rule(
        asyncpg.InsufficientPrivilegeError,
        FailureKind.RIGHTS,
        f"the user of {DATABASE_URL} lacks a right ({{}}): grant it (deploy/postgres/roles.sql), or run `tokenhouse"
        " migrate` as the owner and set TOKENHOUSE_DATABASE__MIGRATE_ON_START=false",
        r"(?:.*((?:schema|table|sequence|function|relation) [A-Za-z_]\w*))?",
    ),
    Rule(
        asyncpg.InvalidSchemaNameError,
        FailureKind.RIGHTS,
        f"the user of {DATABASE_URL} may use no schema of its search_path: GRANT USAGE ON SCHEMA, and CREATE to"
        " migrate",
    ),
)
ANSWERING = (  # errors of Redis
    Rule(
        redis.NoPermissionError,
        FailureKind.RIGHTS,
        f"the user of {REDIS_URL} may not do what it must ({{}}): give it the commands and the keys of"
        " deploy/redis/users.acl",
        r"(?:.*the '([a-z|]+)' command)?",
    ),
    Rule(
        redis.AuthenticationError,
        FailureKind.NEVER,
        f"Redis asks for a password, and {REDIS_URL} has none: redis://user:password@host",
        ".*(?:already authenticated|Authentication required)",
    ),
    Rule(
        (redis.AuthenticationError, redis.AuthenticationWrongNumberOfArgsError),
        FailureKind.NEVER,
        f"Redis refuses the user or the password in {REDIS_URL}",
    ),
    Rule(
        redis.ResponseError,
        FailureKind.NEVER,
        f"the database that {REDIS_URL} names does not exist there: name a lower one, such as /0",
        "DB index is out of range|SELECT is not allowed",
    ),
    Rule(
        redis.ResponseError,
        FailureKind.NEVER,
        f"no cluster stands at {REDIS_URL}, but a single server: say redis:// or rediss://",
        ".*cluster support disabled",
    ),
    Rule(redis.ResponseError, FailureKind.NEVER, f"Redis refuses client_name in {REDIS_URL}", "Client names cannot"),
    Rule(
        redis.ResponseError,
        FailureKind.NEVER,
        f"the server at {REDIS_URL} lacks a command: it must be Redis 6.0 or newer",
        "unknown command",
    ),
)
LOADING = ("PEM", "X509", "ASN1")  # OpenSSL's libraries that read files
NO_TLS = "rejected SSL upgrade"  # in asyncpg's message


def of_connecting(error: BaseException) -> Failure:
    """Classify an error of opening a connection to Postgres."""
    return _of_tls(error, DATABASE_URL) or _by(CONNECTING, error) or PASSES


def of_query(error: BaseException) -> Failure:
    return _by(QUERYING, error) or PASSES


def of_redis(error: BaseException) -> Failure:
    """Checks the causes too: an error of a cluster or of Sentinels may have been raised from another one."""
    causes = list(_causes(error))
    asked_sentinels = any(isinstance(one, MasterNotFoundError) for one in causes)
    for one in causes:
        if asked_sentinels and isinstance(one, redis.AuthenticationError):
            return Failure(
                FailureKind.NEVER, f"the Sentinels of {REDIS_URL} ask for a password, or refuse it: ?sentinel_password="
            )
        if failure := _of_tls(one, REDIS_URL) or _by(ANSWERING, one):
            return failure
    return PASSES


def as_refusal(failure: Failure) -> ConfigurationError | None:
    """None for a temporary failure."""
    return None if failure.kind is FailureKind.WAIT else ConfigurationError(failure.advice)


def store_of(error: BaseException) -> str:
    """The store that an error came from. redis-py wraps network errors in its own classes, asyncpg does not."""
    return "redis" if isinstance(error, redis.RedisError) else "postgres"


def _by(rules: Sequence[Rule], error: BaseException) -> Failure | None:
    for rule in rules:
        if isinstance(error, rule.classes) and (text := re.match(rule.says, str(error), re.ASCII | re.DOTALL)):
            named = next(iter(text.groups()), None)
            return Failure(rule.kind, rule.advice.replace("{}", named) if named else rule.advice.replace(" ({})", ""))
    return None


def _of_tls(error: BaseException, setting: str) -> Failure | None:
    match error:
        case ssl.SSLCertVerificationError():
            advice = "look at the name of the host, and at the certificate of the authority"
            text = f"the certificate of the server at {setting} is not good ({error.verify_message}): {advice}"
        case ssl.SSLError() if error.library in LOADING:
            text = f"a certificate or key that {setting} leads to cannot be read"
        case ConnectionError() if NO_TLS in str(error):
            text = f"{setting} asks for TLS, and the server has none: turn it on there, or say sslmode=disable"
        case _:
            return None
    return Failure(FailureKind.NEVER, text)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and its causes: redis-py keeps the network's error as the context of its own."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
