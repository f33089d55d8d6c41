"""Chooses the client for a Redis URL: one server, one watched by Sentinels, or a cluster. Nothing else decides it."""

import re
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.connection import Connection, parse_url
from redis.exceptions import RedisError

from service.operator_errors import ConfigurationError
from service.settings import RedisSettings, hosts_of, split_url
from service.stores.cluster import Cluster
from service.stores.redis import RedisServer, RedisTopology, client
from service.stores.sentinel import Primary, watched

SENTINEL_PORT, CLUSTER_PORT = 26379, 6379
NAMED = re.compile(r"'(\w+)'", re.ASCII)  # the option in redis-py's message about an invalid value
NOT_A_CONNECTIONS = ("connection_class", "max_connections", "timeout", "sentinel_username", "sentinel_password")


def connect(settings: RedisSettings) -> tuple[Redis, RedisTopology]:
    """A client that connects on first use, and its topology. Raises ConfigurationError for an invalid URL."""
    url = settings.url.get_secret_value()
    try:
        return _connect(settings, url)
    except ValueError as error:
        option = NAMED.search(str(error))
        what = f"a value that is none for the option {option[1]}" if option else "a part that cannot be read"
        raise ConfigurationError(f"TOKENHOUSE_REDIS__URL has {what}") from None


def _connect(settings: RedisSettings, url: str) -> tuple[Redis, RedisTopology]:
    transport, _, engine = split_url(url).scheme.partition("+")
    if engine == "cluster":
        cluster = Cluster(settings, hosts_of(url, CLUSTER_PORT), _options(url, transport))
        return cluster, cluster
    if engine == "sentinel":
        service, _, db = split_url(url).path.removeprefix("/").partition("/")
        options = {"db": int(db or 0)} | _options(url, transport)
        primary = Primary()
        return watched(settings, primary, hosts_of(url, SENTINEL_PORT), service, options), primary
    server = RedisServer()
    return client(settings, server, _tried({**parse_url(url)})), server


def _options(url: str, transport: str) -> dict[str, Any]:
    """The options that redis-py parses from the user, the password and the query; the same for every server."""
    parts = split_url(url)
    user = parts.netloc.rpartition("@")[0]
    return _tried({**parse_url(f"{transport}://{user}@/?{parts.query}")})


def _tried(options: dict[str, Any]) -> dict[str, Any]:
    """Validate the options by creating a connection, without connecting: redis-py checks them no earlier."""
    kind = options.get("connection_class", Connection)
    try:
        kind(**{name: value for name, value in options.items() if name not in NOT_A_CONNECTIONS})
    except (TypeError, RedisError):
        raise ConfigurationError(
            "TOKENHOUSE_REDIS__URL has an option that redis-py does not know, or a value that is none for it"
        ) from None
    return options
