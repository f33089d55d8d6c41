"""The files that the URLs of stores name: one that cannot be used is named before anybody connects."""

from pathlib import Path

import pytest

from service.operator_errors import ConfigurationError
from service.settings import split_url
from service.settings.url_files import PostgresFiles, require_usable_redis_files
from tests.support.certificates import make_certificate

HOST = "postgresql://u:p@one/tokenhouse"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "home"
    (place / ".postgresql").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(place))
    return place


def complaint(url: str, **variables: str) -> str:
    with pytest.raises(ConfigurationError) as refusal:
        accept(url, **variables)
    words = str(refusal.value)
    assert words.startswith("THE_URL: ")
    assert "\n" not in words
    return words


def accept(url: str, **variables: str) -> None:
    if url.startswith("postgresql"):
        PostgresFiles("THE_URL", split_url(url), variables).require_usable()
    else:
        require_usable_redis_files("THE_URL", split_url(url))


def test_a_certificate_that_is_to_be_verified_needs_an_authority() -> None:
    for mode in ("verify-ca", "verify-full"):
        assert "add sslrootcert=FILE" in complaint(f"{HOST}?sslmode={mode}")
    for mode in ("disable", "allow", "prefer", "require"):
        accept(f"{HOST}?sslmode={mode}")


@pytest.mark.parametrize("option", ["sslrootcert", "sslcert", "sslcrl"])
def test_a_file_of_postgres_that_is_missing_or_holds_something_else_is_named(option: str, tmp_path: Path) -> None:
    gone, other = tmp_path / "gone.pem", tmp_path / "other.pem"
    other.write_text("no certificate")
    assert f"{option}: {gone}: No such file" in complaint(f"{HOST}?sslmode=require&{option}={gone}")
    assert f"{option}: {other} does not hold" in complaint(f"{HOST}?sslmode=require&{option}={other}")
    accept(f"{HOST}?sslmode=disable&{option}={gone}")


def test_files_by_variables_of_libpq_and_in_the_home_count_too(tmp_path: Path, home: Path) -> None:
    gone = str(tmp_path / "gone.pem")
    assert gone in complaint(f"{HOST}?sslmode=verify-full", PGSSLROOTCERT=gone)
    assert "sslrootcert=FILE" in complaint(HOST, PGSSLMODE="verify-full")
    kept = home / ".postgresql" / "postgresql.crt"
    kept.write_text("no certificate")
    assert f"{kept} does not hold" in complaint(HOST)


def test_good_files_are_accepted(tmp_path: Path) -> None:
    chain, key = make_certificate(tmp_path)
    accept(f"{HOST}?sslmode=verify-full&sslrootcert={chain}&sslcert={chain}&sslkey={key}")
    accept(f"rediss://one/0?ssl_ca_certs={chain}&ssl_certfile={chain}&ssl_keyfile={key}")


def test_a_home_that_may_not_be_read_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", refuse)  # root, who may run the tests, may read everything
    words = complaint("postgresql://u@one/tokenhouse")
    assert f"asyncpg looks for {home}/.pgpass, and may not (Permission denied): set HOME" in words
    assert f"{home}/.postgresql/" in complaint(HOST)
    accept("postgresql://u:p@/tokenhouse?host=/run/postgresql")


def test_a_file_of_redis_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    gone, other = tmp_path / "gone.pem", tmp_path / "other.pem"
    other.write_text("no certificate")
    for option in ("ssl_ca_certs", "ssl_certfile"):
        assert f"{option}: {gone}: No such file" in complaint(f"rediss://one/0?{option}={gone}")
        assert f"{option}: {other} does not hold" in complaint(f"rediss+cluster://one?{option}={other}")
    assert f"ssl_ca_path: {gone} is no directory" in complaint(f"rediss://one/0?ssl_ca_path={gone}")
    assert "add ssl_certfile=FILE" in complaint(f"rediss://one/0?ssl_keyfile={other}")
