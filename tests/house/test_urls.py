"""Where the stores are said to be: what is understood, and that a complaint never quotes a password."""

import ast
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis

from service.operator_errors import ConfigurationError
from service.settings import RedisSettings, authority, hosts_of, url_here
from service.settings.urls import POSTGRES, REDIS, require_good_url
from service.stores import inspection
from service.stores.connect import connect
from tests.conftest import ROOT

EVERYWHERE = "0.0.0.0"  # noqa: S104 - nothing is bound here
GOOD = [
    ("postgresql://u:p@one/tokenhouse", POSTGRES),
    ("postgresql://u:p@one:5432,two:5433/tokenhouse?target_session_attrs=read-write", POSTGRES),
    ("postgresql://tokenhouse@/tokenhouse?host=/run/postgresql", POSTGRES),
    ("postgresql://u:p@one/tokenhouse?application_name=mine&options=-c%20search_path%3Dmine&sslmode=require", POSTGRES),
    ("postgresql://u:p@one/tokenhouse?target_session_attrs=any&sslmode=verify-full&sslrootcert=/ca.pem", POSTGRES),
    ("redis://:p@one:6379/0", REDIS),
    ("rediss://one", REDIS),
    ("unix:///run/redis.sock?db=1", REDIS),
    ("redis+sentinel://u:p@one:26379,two,[::1]/tokens", REDIS),
    ("rediss+sentinel://one,two/tokens/3?sentinel_password=p", REDIS),
    ("redis+cluster://u:p@one:7000,two:7001", REDIS),
    ("rediss+cluster://one:7000/0", REDIS),
]
BAD = [
    ("postgresql://u:SECRET@one:5432,[::1]:5434/tokenhouse", POSTGRES, "by a name only"),
    ("mysql://u:SECRET@one/tokenhouse", POSTGRES, "no postgresql:// URL"),
    ("postgresql://u:SECRET@one,/tokenhouse", POSTGRES, "a comma where no host is"),
    ("postgresql://u:SEC/RET@one:5432/tokenhouse", POSTGRES, "percent-encode"),
    ("postgresql://u:p@one:5432,two:SECRET/tokenhouse", POSTGRES, "percent-encode"),
    ("postgresql://u:p@one/t?channel_binding=require", POSTGRES, "has the option channel_binding: leave it out"),
    (
        "postgresql://u:p@one/t?connect_timeout=10",
        POSTGRES,
        "connect_timeout: set TOKENHOUSE_DATABASE__ACQUIRE_TIMEOUT",
    ),
    ("postgresql://u:p@one/t?schema=public", POSTGRES, "the option schema: say search_path=NAME"),
    ("postgresql://u:p@one/t?pgbouncer=true", POSTGRES, "set TOKENHOUSE_DATABASE__STATEMENT_CACHE_SIZE=0"),
    ("postgresql://u:p@one/t?connection_limit=5", POSTGRES, "set TOKENHOUSE_DATABASE__POOL_MAX"),
    ("postgresql://u:p@one/t?ssl=true", POSTGRES, "say sslmode=MODE"),
    ("postgresql://u:p@one/t?keepalives=1", POSTGRES, "the option keepalives: leave it out"),
    ("postgresql://u:p@one/t?replication=database", POSTGRES, "the option replication: leave it out"),
    ("postgresql://u:p@one/t?client_encoding=latin1", POSTGRES, "it is always UTF8"),
    ("postgresql://u:p@one/t?sslmode=SECRET", POSTGRES, "sslmode is one of disable, allow, prefer"),
    ("postgresql://u:p@one/t?target_session_attrs=standby", POSTGRES, "is one of any, primary, read-write"),
    ("postgresql://u:p@one/t?target_session_attrs=", POSTGRES, "is one of any, primary, read-write"),
    ("postgresql://u:p@one/t?SECRET", POSTGRES, "that has no value"),
    ("postgresql://u:1?SECRET=x@one/t", POSTGRES, "percent-encode"),
    ("postgresql://u:p@one/t?SEC-RET=1", POSTGRES, "that Postgres cannot know"),
    ("redis://:p@one/0?ssl_ca_certs=/SECRET", REDIS, "ssl_ca_certs, but no TLS: say rediss://"),
    ("redis://:p@one/0?sentinel_password=SECRET", REDIS, "sentinel_password, but no Sentinels"),
    ("redis://:SECRET@one,two/0", REDIS, "redis+sentinel:// or redis+cluster://"),
    ("redis+proxy://:SECRET@one/0", REDIS, "no redis:// URL"),
    ("redis+sentinel://:SECRET@one,two", REDIS, "names no service"),
    ("redis+sentinel://:SECRET@one,two/tokens/zero", REDIS, "names no service"),
    ("redis+sentinel://:SECRET@/tokens", REDIS, "no redis:// URL"),
    ("redis://:SECRET@one:6379/abc", REDIS, "a database that is no number"),
    ("redis+cluster://:SECRET@one:7000/1", REDIS, "leave the path empty"),
    ("redis+cluster://:SEC#RET@one:7000", REDIS, "percent-encode"),
    ("redis://:p@one/0?SECRET=1", REDIS, "an option, behind its question mark"),
    ("redis://:p?SECRET@one/0", REDIS, "percent-encode"),
    ("redis://:p@one/0?SEC?RET@two", REDIS, "an option, behind its question mark"),
]


@pytest.mark.parametrize(("url", "schemes"), GOOD)
def test_a_good_url_is_understood(url: str, schemes: tuple[str, ...]) -> None:
    require_good_url("THE_URL", url, schemes)


@pytest.mark.parametrize(("url", "schemes", "said"), BAD)
def test_a_bad_url_is_refused_without_quoting_it(url: str, schemes: tuple[str, ...], said: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        require_good_url("THE_URL", url, schemes)
    words = str(refusal.value)
    assert words.startswith("THE_URL")
    assert said in words
    assert "SEC" not in words


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://one/0?db=SECRET", "a value that is none for the option db"),
        ("redis://one/0?protocol=SECRET", "a value that is none for the option protocol"),
        ("redis://one/0?protocol=9", "a value that is none for it"),
        ("redis://one/0?max_connections=SECRET", "a value that is none for the option max_connections"),
        ("unix:///run/redis.sock?db=SECRET", "a value that is none for the option db"),
        ("rediss://one/0?ssl_SECRET=1", "an option that redis-py does not know"),
        ("rediss://one/0?ssl_cert_reqs=SECRET", "a value that is none for it"),
        ("rediss+cluster://one?ssl_SECRET=1", "an option that redis-py does not know"),
        ("redis+sentinel://one/tokens?socket_timeout=SECRET", "a value that is none for the option socket_timeout"),
    ],
)
def test_an_option_that_redis_py_does_not_take_is_refused_before_it_connects(url: str, said: str) -> None:
    require_good_url("THE_URL", url, REDIS)
    with pytest.raises(ConfigurationError) as refusal:
        connect(RedisSettings.model_validate({"url": url}))
    assert said in str(refusal.value)
    assert "SECRET" not in str(refusal.value)


def test_each_host_has_a_port() -> None:
    assert hosts_of("redis+cluster://u:p%2C@one,two:7,[::1]:8", 6379) == [("one", 6379), ("two", 7), ("::1", 8)]


@pytest.mark.parametrize("url", [url for url, schemes in GOOD if schemes is REDIS])
async def test_a_client_of_every_kind_is_made_before_its_servers_are_up(url: str) -> None:
    redis, servers = connect(RedisSettings.model_validate({"url": url}))
    assert servers.partitions
    await redis.aclose()


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("localhost", "http://localhost:8080"),
        (EVERYWHERE, "http://127.0.0.1:8080"),
        ("::", "http://[::1]:8080"),
        ("::1", "http://[::1]:8080"),
        ("2001:db8::7", "http://[2001:db8::7]:8080"),
    ],
)
def test_a_url_of_this_machine_can_be_opened(host: str, url: str) -> None:
    assert url_here(host, 8080) == url
    assert urlsplit(url).port == 8080
    assert url_here(host, 8080, tls=True) == url.replace("http:", "https:")


def test_a_store_is_named_with_brackets_where_its_address_has_colons() -> None:
    assert authority("::1", 6379) == "[::1]:6379"
    assert inspection._address(Redis(host="2001:db8::7", port=7000)) == "[2001:db8::7]:7000"
    assert inspection._address(Redis(unix_socket_path="/run/redis.sock")) == ""


HARMLESS = {"NAME", "user", "self._socket", "LOOPBACK"}  # a user, a socket; 127.0.0.1


@pytest.mark.parametrize("file", sorted((ROOT / "service").rglob("*.py")), ids=lambda file: str(file.relative_to(ROOT)))
def test_no_url_is_joined_by_hand_out_of_a_host(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.JoinedStr):
            continue
        for before, after in pairwise(node.values):
            ends = isinstance(before, ast.Constant) and str(before.value).endswith("://")
            if ends and isinstance(after, ast.FormattedValue):
                assert ast.unparse(after.value) in HARMLESS, f"{file}: {ast.unparse(node)}"
