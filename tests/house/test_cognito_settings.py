"""Settings of Cognito's protocol: each source, and what is wrong with them in one line without a secret."""

from pathlib import Path

import pytest

from service.settings import as_variables, load
from tests.house.test_configuration import GOOD, keep, refusal_of

ON = {"TOKENHOUSE_COGNITO__ENABLED": "true"}
CLIENT_SECRET = "s3cr3tOfTheShopWhichIsLong24"


@pytest.mark.parametrize(
    ("said", "clients"),
    [
        (f"shop:{CLIENT_SECRET}", {"shop": CLIENT_SECRET}),
        (f"shop:{CLIENT_SECRET}, app", {"shop": CLIENT_SECRET, "app": None}),
        ("", {}),
    ],
)
def test_app_clients_of_the_environment_come_through_and_are_handed_on(
    said: str, clients: dict[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKENHOUSE_COGNITO__CLIENTS", said)
    held = load()
    assert held.cognito.client_secrets == clients
    assert CLIENT_SECRET not in repr(held)
    variables = as_variables(held)
    monkeypatch.setenv("TOKENHOUSE_COGNITO__CLIENTS", variables.get("TOKENHOUSE_COGNITO__CLIENTS", ""))
    assert load().cognito == held.cognito


def test_app_clients_of_a_secrets_file_and_of_the_configuration_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f"cognito:\n  clients:\n    shop: {CLIENT_SECRET}\n    app: ''\n")
    of_the_file = load(file).cognito.client_secrets
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    keep(secrets / "tokenhouse_cognito__clients", f"shop:{CLIENT_SECRET},app")
    monkeypatch.setenv("TOKENHOUSE_SECRETS_DIR", str(secrets))
    assert load().cognito.client_secrets == of_the_file == {"shop": CLIENT_SECRET, "app": None}


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"TOKENHOUSE_COGNITO__CLIENTS": "shop:s3cr3t"}, "24 to 64 letters"),
        ({"TOKENHOUSE_COGNITO__CLIENTS": f"the-shop:{CLIENT_SECRET}"}, "Cognito's clients send no others"),
        ({"TOKENHOUSE_COGNITO__POOL_ID": "tokenhouse"}, "eu-central-1_tokenhouse"),
        ({"TOKENHOUSE_COGNITO__POOL_ID": "eu-central-1_" + "x" * 60}, "at most 55"),
        (ON | {"TOKENHOUSE_TOKENS__CLIENT_ID": "the-house"}, "tokens.client_id, with cognito.enabled"),
        (ON | {"TOKENHOUSE_COGNITO__CLIENTS": f"tokenhouse:{CLIENT_SECRET}"}, "cognito.clients names tokens.client_id"),
        (ON | {"TOKENHOUSE_TOKENS__ACCEPTED_CLIENTS": "shop"}, "tokens.accepted_clients names a client that is not"),
        (ON | {"TOKENHOUSE_COGNITO__CONFIRM_SIGNUP": "true"}, "cognito.confirm_signup needs mail"),
    ],
)
def test_settings_that_cannot_work_stop_the_start(
    environment: dict[str, str], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refusal_of(monkeypatch, capsys, **environment)
    assert told in said
    assert "s3cr3t" not in said


@pytest.mark.parametrize("issuer", ["https://auth.example.com", "https://auth.example.com/eu-central-1_tokenhouse"])
def test_the_public_address_is_the_issuer_without_the_pool(issuer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (GOOD | ON | {"TOKENHOUSE_TOKENS__ISSUER": issuer}).items():
        monkeypatch.setenv(name, value)
    assert load().base_url == "https://auth.example.com"
    monkeypatch.setenv("TOKENHOUSE_COGNITO__ENABLED", "false")
    assert load().base_url == issuer


def test_an_id_that_only_the_protocol_cannot_send_is_well_where_it_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (GOOD | {"TOKENHOUSE_TOKENS__CLIENT_ID": "the-house"}).items():
        monkeypatch.setenv(name, value)
    load().require_stores_and_secret()
