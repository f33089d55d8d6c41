"""Where the stores are said to be: what is understood, and that a complaint never quotes a password."""

import pytest

from service.errors import ConfigurationError
from service.settings import Redis as RedisSettings
from service.settings import hosts_of
from service.settings.urls import POSTGRES, REDIS, require_good_url
from service.stores.engines import connect

GOOD = [
    ("postgresql://u:p@one/tokenhouse", POSTGRES),
    ("postgresql://u:p@one:5432,two:5433/tokenhouse?target_session_attrs=read-write", POSTGRES),
    ("postgresql://tokenhouse@/tokenhouse?host=/run/postgresql", POSTGRES),
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
    ("redis://:SECRET@one,two/0", REDIS, "redis+sentinel:// or redis+cluster://"),
    ("redis+proxy://:SECRET@one/0", REDIS, "no redis:// URL"),
    ("redis+sentinel://:SECRET@one,two", REDIS, "names no service"),
    ("redis+sentinel://:SECRET@one,two/tokens/zero", REDIS, "names no service"),
    ("redis+sentinel://:SECRET@/tokens", REDIS, "no redis:// URL"),
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


def test_each_host_has_a_port() -> None:
    assert hosts_of("redis+cluster://u:p%2C@one,two:7,[::1]:8", 6379) == [("one", 6379), ("two", 7), ("::1", 8)]


@pytest.mark.parametrize("url", [url for url, schemes in GOOD if schemes is REDIS])
async def test_a_client_of_every_kind_is_made_before_its_servers_are_up(url: str) -> None:
    redis, servers = connect(RedisSettings.model_validate({"url": url}))
    assert servers.partitions
    await redis.aclose()
