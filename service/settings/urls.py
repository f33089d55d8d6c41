"""The URLs of the stores, which may name several hosts."""

import re
from urllib.parse import SplitResult, urlsplit

from yarl import URL

from service.operator_errors import ConfigurationError
from service.settings.url_options import options_of, require_good_postgres_options

POSTGRES = ("postgresql", "postgres")
REDIS = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")
REDIS_OPTIONS = re.compile(
    r"db|protocol|client_name|username|password|health_check_interval|(sentinel_)?(username|password)|ssl_\w+"
    r"|socket_(connect_)?timeout|socket_keepalive|max_connections|timeout"
)
WATCHED = re.compile(r"/[^/]+(/\d*)?")  # a service name, optionally a database
DATABASE = re.compile(r"(/\d{0,9}/?)?", re.ASCII)  # redis-py treats anything else as 0


def split_url(url: str) -> SplitResult:
    """As `urlsplit`, which in newer Pythons refuses a list of hosts when one of them is an IPv6 address."""
    scheme, colon, rest = url.partition("://")
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    return urlsplit(scheme + colon + rest.removeprefix(authority))._replace(netloc=authority)


def hosts_of(url: str, port: int) -> list[tuple[str, int]]:
    """The hosts of `scheme://user:password@host:1,host:2/path`, with `port` where a host has none.

    Raises ValueError, which may quote a part of a password.
    """
    names = split_url(url).netloc.rpartition("@")[2].split(",")
    parts = [urlsplit(f"//{name}") for name in names]
    return [(part.hostname or "", port if part.port is None else part.port) for part in parts]


def authority(host: str, port: int) -> str:
    """`host:port` as in URLs, with an IPv6 address in brackets (RFC 3986 section 3.2.2)."""
    return URL.build(scheme="tcp", host=host, port=port).raw_authority


def origin_of(url: str) -> str:
    """As browsers write it (RFC 6454 section 6.2); empty for what has none."""
    try:
        return str(URL(url).origin())
    except ValueError:
        return ""


def url_here(host: str, port: int, *, tls: bool = False) -> str:
    """The URL by which this machine reaches a listener on `host`; loopback for one on every address."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - nothing is bound here
    return str(URL.build(scheme="https" if tls else "http", host=reached, port=port))


def require_good_url(name: str, url: str, schemes: tuple[str, ...]) -> None:
    """Checked here and not in the driver, whose error would quote a part of the password."""
    try:
        parts, hosts = split_url(url), hosts_of(url, 0)
    except ValueError:
        parts, hosts = urlsplit(""), []
    engine = parts.scheme.partition("+")[2]
    if parts.scheme not in schemes or parts.fragment or (engine and not all(host for host, _ in hosts)):
        raise ConfigurationError(
            f"{name} is no {schemes[0]}:// URL; in a password, percent-encode what is no letter or digit"
        )
    if len(hosts) > 1 and not engine and parts.scheme not in POSTGRES:
        raise ConfigurationError(f"{name} names several hosts: say redis+sentinel:// or redis+cluster://")
    if len(hosts) > 1 and not all(host for host, _ in hosts):
        raise ConfigurationError(f"{name} has a comma where no host is")
    if len(hosts) > 1 and parts.scheme in POSTGRES and any(":" in host for host, _ in hosts):
        raise ConfigurationError(f"{name}: among several hosts, asyncpg takes an IPv6 address by a name only")
    if parts.scheme in POSTGRES:
        require_good_postgres_options(name, parts)
    else:
        _require_good_redis_options(name, parts)
    _require_good_path(name, engine, parts)


def _require_good_redis_options(name: str, parts: SplitResult) -> None:
    options = options_of(name, parts)
    if not all(REDIS_OPTIONS.fullmatch(option) for option in options):
        raise ConfigurationError(f"{name} has an option, behind its question mark, that no Redis client knows")
    if not parts.scheme.startswith("rediss") and (tls := [one for one in options if one.startswith("ssl_")]):
        raise ConfigurationError(f"{name} has the option {tls[0]}, but no TLS: say rediss://")
    if not parts.scheme.endswith("+sentinel") and (theirs := [one for one in options if one.startswith("sentinel_")]):
        raise ConfigurationError(f"{name} has the option {theirs[0]}, but no Sentinels: say redis+sentinel://")


def _require_good_path(name: str, engine: str, parts: SplitResult) -> None:
    if engine == "sentinel" and not WATCHED.fullmatch(parts.path):
        raise ConfigurationError(f"{name} names no service: redis+sentinel://host:26379,host2:26379/SERVICE")
    if parts.scheme in ("redis", "rediss") and not DATABASE.fullmatch(parts.path):
        raise ConfigurationError(f"{name} names a database that is no number: redis://host:6379/0")
    if engine == "cluster" and parts.path not in ("", "/", "/0"):
        raise ConfigurationError(f"{name} names a database, but a cluster has only one: leave the path empty")
