"""The seed: a file of users, groups and clients."""

from pathlib import Path

import pytest
import yaml

from service.operator_errors import ConfigurationError
from service.settings import load, read_seed
from tests.conftest import ROOT

SECRET = "cs_0123456789abcdefghij"
APP_SECRET = "0123456789abcdefghijklmn"


@pytest.fixture
def seed(tmp_path: Path) -> Path:
    return tmp_path / "seed.yaml"


def write(file: Path, **values: object) -> Path:
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    return file


def test_clients_of_the_seed_are_settings_below_those_of_other_sources(
    seed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = {"introspection": {"billing": SECRET, "other": SECRET}, "cognito": {"web": "", "backend": APP_SECRET}}
    write(seed, clients=clients)
    config = write(tmp_path / "config.yaml", introspection={"clients": {"billing": "0" * 64}})
    monkeypatch.setenv("TOKENHOUSE_SEED", str(seed))
    settings = load(config)
    assert settings.introspection.clients["billing"] == "0" * 64
    assert len(settings.introspection.clients["other"]) == 64
    assert settings.cognito.client_secrets == {"web": None, "backend": APP_SECRET}
    monkeypatch.setenv("TOKENHOUSE_COGNITO__CLIENTS", "mobile")
    assert set(load(config).cognito.clients) == {"mobile"}
    monkeypatch.delenv("TOKENHOUSE_SEED")
    assert load(config).introspection.clients == {"billing": "0" * 64}


def test_groups_are_named_with_the_user_or_with_their_members(seed: Path) -> None:
    users = [{"email": "ada@example.com", "groups": ["b"]}, {"email": "grace@example.com"}]
    read = read_seed(write(seed, users=users, groups={"a": ["ada@example.com", "grace@example.com"], "c": []}))
    assert [read.groups_of(user) for user in read.users] == [{"a", "b"}, {"a"}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("users: [{email: a@example.com, passwort: s3cret}]", "users.0.passwort: a seed has no such member"),
        ("users: [{}]", "users.0.email: is missing"),
        ("users: s3cret", "users: write a list"),
        ("[s3cret]", "it: does not have the form that README.md shows"),
        ("users: [", "not valid YAML"),
        ("clients: {introspection: {billing: s3cret}}", "clients.introspection.billing: write at least 20 characters"),
        ("clients: {introspection: {Billing: s3cret0123456789012345}}", "clients.introspection.Billing"),
        ("clients: {cognito: {web: s3cret}}", "clients.cognito.web"),
        ("groups: {a: [s3cret@example.com]}", "groups: members not among the users, as spelt there: 1"),
    ],
)
def test_what_is_wrong_is_named_without_its_value(seed: Path, text: str, said: str) -> None:
    seed.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as refusal:
        read_seed(seed)
    assert said in str(refusal.value)
    assert "s3cret" not in str(refusal.value)


def test_a_seed_that_is_named_must_be_there(seed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENHOUSE_SEED", str(seed))
    with pytest.raises(ConfigurationError, match="TOKENHOUSE_SEED"):
        load(ROOT / "config.yaml")


def test_the_seed_of_compose_holds_nobody() -> None:
    read = read_seed(ROOT / "deploy/seed.yaml")
    assert (read.users, dict(read.groups), dict(read.clients.introspection)) == ((), {}, {})
