"""Query options of a store's URL: options of other drivers are refused, with a hint what to set instead."""

import re
from collections.abc import Mapping
from urllib.parse import SplitResult, parse_qsl

from service.operator_errors import ConfigurationError

SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
TARGETS = ("any", "primary", "read-write")  # the values that select a writable server
NAME = re.compile(r"[A-Za-z_][\w.]*", re.ASCII)
LEAVE_OUT = "leave it out, asyncpg has no such option"
NO_CACHE = "set TOKENHOUSE_DATABASE__STATEMENT_CACHE_SIZE=0 instead"
POOL = "set TOKENHOUSE_DATABASE__POOL_MAX instead"
POOL_TIMEOUT = "set TOKENHOUSE_DATABASE__ACQUIRE_TIMEOUT instead"
QUERY_TIMEOUT = "set TOKENHOUSE_DATABASE__COMMAND_TIMEOUT instead"
SSL_MODE = f"say sslmode=MODE instead, one of {', '.join(SSL_MODES)}"
SCHEMA = "say search_path=NAME instead"
FOREIGN: Mapping[str, str] = {  # of libpq, JDBC, Prisma, SQLAlchemy, Rails, pgx
    "channel_binding": "leave it out, asyncpg has none; sslmode=verify-full with sslrootcert=FILE knows the server",
    "require_auth": LEAVE_OUT,
    "connect_timeout": POOL_TIMEOUT,
    "pool_timeout": POOL_TIMEOUT,
    "socket_timeout": QUERY_TIMEOUT,
    "command_timeout": QUERY_TIMEOUT,
    "schema": SCHEMA,
    "currentSchema": SCHEMA,
    "pgbouncer": NO_CACHE,
    "prepared_statements": NO_CACHE,
    "prepareThreshold": NO_CACHE,
    "statement_cache_size": "set TOKENHOUSE_DATABASE__STATEMENT_CACHE_SIZE instead",
    "prepared_statement_cache_size": "set TOKENHOUSE_DATABASE__STATEMENT_CACHE_SIZE instead",
    "statement_cache_capacity": "set TOKENHOUSE_DATABASE__STATEMENT_CACHE_SIZE instead",
    "connection_limit": POOL,
    "max_connections": POOL,
    "pool": POOL,
    "pool_size": POOL,
    "pool_max_conns": POOL,
    "ssl": SSL_MODE,
    "sslaccept": SSL_MODE,
    "sslcompression": LEAVE_OUT,
    "sslsni": LEAVE_OUT,
    "sslcertmode": LEAVE_OUT,
    "gssencmode": LEAVE_OUT,
    "gssdelegation": LEAVE_OUT,
    "keepalives": LEAVE_OUT,
    "keepalives_idle": LEAVE_OUT,
    "keepalives_interval": LEAVE_OUT,
    "keepalives_count": LEAVE_OUT,
    "tcp_user_timeout": LEAVE_OUT,
    "hostaddr": "put the address where the host is",
    "load_balance_hosts": LEAVE_OUT,
    "fallback_application_name": "say application_name=NAME instead",
    "ApplicationName": "say application_name=NAME instead",
    "replication": "leave it out: it opens another kind of connection",
    "client_encoding": "leave it out: it is always UTF8",
}


def options_of(name: str, parts: SplitResult) -> dict[str, str]:
    """The options of a URL; of a repeated one, the last. Raises ConfigurationError, which quotes no value."""
    if "@" in parts.query and "@" not in parts.netloc:
        raise ConfigurationError(f"{name}: in a password, percent-encode what is no letter or digit")
    try:
        return dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise ConfigurationError(f"{name} has an option, behind its question mark, that has no value") from None


def require_good_postgres_options(name: str, parts: SplitResult) -> None:
    """Checked here and not only by the server, which may not be up yet. It refuses options that are unknown here."""
    options = options_of(name, parts)
    for option in options:
        if option in FOREIGN:
            raise ConfigurationError(f"{name} has the option {option}: {FOREIGN[option]}")
        if not NAME.fullmatch(option):
            raise ConfigurationError(f"{name} has an option, behind its question mark, that Postgres cannot know")
    if (mode := options.get("sslmode")) and mode not in SSL_MODES:
        raise ConfigurationError(f"{name}: sslmode is one of {', '.join(SSL_MODES)}")
    if (target := options.get("target_session_attrs")) is not None and target not in TARGETS:
        raise ConfigurationError(f"{name}: target_session_attrs is one of {', '.join(TARGETS)}: the service writes")
