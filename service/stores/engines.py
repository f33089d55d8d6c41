"""Which kind of Redis a URL names: one server, one watched by Sentinels, or a cluster. Decided nowhere else."""

from typing import Any

from redis.asyncio import Redis
from redis.asyncio.connection import parse_url

from service.settings import Redis as RedisSettings
from service.settings import hosts_of, split_url
from service.stores.cluster import Cluster
from service.stores.redis import Server, Servers, client
from service.stores.sentinel import Primary, watched

SENTINEL_PORT, CLUSTER_PORT = 26379, 6379


def connect(settings: RedisSettings) -> tuple[Redis, Servers]:
    """A client that connects when first used, and what is known about the servers behind it."""
    url = settings.url.get_secret_value()
    transport, _, engine = split_url(url).scheme.partition("+")
    if engine == "cluster":
        cluster = Cluster(settings, hosts_of(url, CLUSTER_PORT), _options(url, transport))
        return cluster, cluster
    if engine == "sentinel":
        service, _, db = split_url(url).path.removeprefix("/").partition("/")
        options = {"db": int(db or 0)} | _options(url, transport)
        primary = Primary()
        return watched(settings, primary, hosts_of(url, SENTINEL_PORT), service, options), primary
    server = Server()
    return client(settings, server, {**parse_url(url)}), server


def _options(url: str, transport: str) -> dict[str, Any]:
    """What redis-py makes of the user, the password and the query, which hold for every server."""
    parts = split_url(url)
    user = parts.netloc.rpartition("@")[0]
    return {**parse_url(f"{transport}://{user}@/?{parts.query}")}
