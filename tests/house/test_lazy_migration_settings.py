"""Settings of lazy migration: those that cannot work are one line at the start, with no secret in it."""

from pathlib import Path

import pytest

from service.operator_errors import ConfigurationError
from service.settings import as_variables, load
from tests.support import builders
from tests.support.old_systems import SECRET, VARIABLE

OLD = "whsec_" + "s3cr" * 10


def loaded(tmp_path: Path, url: str, **fields: str) -> object:
    file = tmp_path / "mine.yaml"
    more = "".join(f", {name}: {value}" for name, value in fields.items())
    file.write_text(f"lazy_migration: {{url: '{url}'{more}}}\n")
    return load(file)


@pytest.mark.parametrize(
    "url", ["https://old.example.com/check", "http://127.0.0.1:9/x", "http://[::1]:9/x", "http://localhost/x"]
)
def test_passwords_go_by_tls_or_stay_on_this_machine(tmp_path: Path, url: str) -> None:
    assert "example" not in repr(loaded(tmp_path, url))  # the path may be a secret


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://old.example.com/s3cret", "passwords travel to it"),
        ("http://10.0.0.1/s3cret", "passwords travel to it"),
        ("http://localhost.example.com/s3cret", "passwords travel to it"),
        ("ftp://old.example.com/s3cret", "https://"),
        ("https://u:s3cret@old.example.com/", "https://"),
        ("https:///s3cret", "https://"),
        ("s3cret", "https://"),
    ],
)
def test_another_url_is_refused_by_the_name_of_the_setting(tmp_path: Path, url: str, why: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        loaded(tmp_path, url)
    said = str(raised.value)
    assert said.startswith("lazy_migration.url: ")
    assert why in said
    assert "s3cret" not in said
    assert "\n" not in said


@pytest.mark.parametrize(("name", "value"), [("timeout", "11s"), ("timeout", "0s"), ("concurrency", "0")])
def test_other_values_are_refused_by_the_name_of_the_setting(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^lazy_migration.{name}: "):
        loaded(tmp_path, "https://old.example.com", **{name: value})


def test_a_url_needs_a_secret() -> None:
    stores = {"database": {"url": "postgresql://a@127.0.0.1/b"}, "redis": {"url": "redis://127.0.0.1/0"}}
    settings = builders.settings(lazy_migration={"url": "https://old.example.com"}, **stores)
    with pytest.raises(ConfigurationError, match=f"^{VARIABLE} is missing"):
        settings.require_stores_and_secret()


def test_secrets_come_from_the_environment_and_are_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, f"{SECRET},{OLD}")
    loaded(tmp_path, "https://old.example.com/check", timeout="2s", concurrency="4")
    settings = load(tmp_path / "mine.yaml")
    assert [one.get_secret_value() for one in settings.lazy_migration_secret] == [SECRET, OLD]
    (tmp_path / "bare.yaml").write_text("")
    for name, value in as_variables(settings).items():
        monkeypatch.setenv(name, value)
    assert load(tmp_path / "bare.yaml") == settings


def test_a_secret_of_another_form_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "s3cret")
    with pytest.raises(ConfigurationError, match=r"^lazy_migration_secret: ") as raised:
        load()
    assert "s3cret" not in str(raised.value)
