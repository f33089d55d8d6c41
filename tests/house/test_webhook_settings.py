"""Settings of webhooks: from where they come, and those that cannot work: one line, exit status 78, no secret in it."""

import json
import re
from pathlib import Path

import pytest

from service.assembly.application import build
from service.domain.events.security_events import Name
from service.domain.webhooks.messages import OF_REASONS, TYPES
from service.operator_errors import ConfigurationError
from service.settings import as_variables, load
from tests.conftest import ROOT
from tests.house.test_configuration import keep, refusal_of
from tests.support import builders

NEW, OLD = f"whsec_{'s3cretnew' * 4}", f"whsec_{'s3cretold' * 4}"
CRM = {"url": "https://crm.example.com/s3cret-path", "secrets": [NEW]}
ENDPOINTS = "TOKENHOUSE_WEBHOOKS__ENDPOINTS"


def test_a_secret_comes_from_the_environment_or_a_file_and_the_rest_from_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "webhooks: {endpoints: {crm: {url: 'https://crm.example.com/x', events: [user.created]},"
        " my-shop: {url: 'https://shop.example.com/x'}}}\n"
    )
    (tmp_path / "secrets").mkdir()
    keep(tmp_path / "secrets" / "TOKENHOUSE_WEBHOOKS__ENDPOINTS__MY-SHOP__SECRETS", OLD)
    monkeypatch.setenv("TOKENHOUSE_SECRETS_DIR", str(tmp_path / "secrets"))
    monkeypatch.setenv(f"{ENDPOINTS}__CRM__SECRETS", f"{NEW},{OLD}")
    settings = load(file)
    crm, shop = settings.webhooks.endpoints["crm"], settings.webhooks.endpoints["my-shop"]
    assert [one.get_secret_value() for one in crm.secrets] == [NEW, OLD]
    assert [one.get_secret_value() for one in shop.secrets] == [OLD]
    assert (crm.events, shop.events) == (("user.created",), ())


def test_settings_that_are_written_as_variables_are_read_as_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, bare = tmp_path / "mine.yaml", tmp_path / "bare.yaml"
    bare.write_text("")
    more = {"url": "https://b.example.com", "secrets": [NEW, OLD], "events": ["user.*", "login.failed"]}
    file.write_text(json.dumps({"webhooks": {"endpoints": {"crm": CRM, "b": more}, "private": True}}))
    settings = load(file)
    for name, value in as_variables(settings).items():
        monkeypatch.setenv(name, value)
    assert load(bare) == settings


def test_neither_secrets_nor_urls_are_printed_with_the_settings() -> None:
    shown = repr(builders.settings(webhooks={"endpoints": {"crm": CRM}}))
    assert "s3cret" not in shown


@pytest.mark.parametrize(
    ("endpoints", "told"),
    [
        ("{", "config.yaml"),
        ("[]", "webhooks.endpoints"),
        ({"crm": {"secrets": [NEW]}}, "webhooks.endpoints: give each endpoint a url and secrets"),
        ({"crm": {"url": CRM["url"]}}, "webhooks.endpoints: give each endpoint a url and secrets"),
        ({"crm": {**CRM, "secrets": []}}, "webhooks.endpoints: give each endpoint"),
        ({"crm": {**CRM, "secrets": [NEW] * 9}}, "webhooks.endpoints"),
        ({"crm": {**CRM, "secrets": ["s3cret"]}}, "openssl rand"),
        ({"crm": {**CRM, "secrets": ["whsec_s3cr"]}}, "openssl rand"),
        ({"crm": {**CRM, "secrets": [f"whsec_{'s3cr' * 23}"]}}, "openssl rand"),
        ({"crm": {**CRM, "secrets": [f"whsec_{'s3c-' * 9}"]}}, "openssl rand"),
        ({"crm": {**CRM, "url": "s3cret"}}, "https://host/path"),
        ({"crm": {**CRM, "url": "ftp://s3cret.example"}}, "https://host/path"),
        ({"crm": {**CRM, "url": "https:///s3cret"}}, "https://host/path"),
        ({"crm": {**CRM, "url": "https://u:s3cret@h/"}}, "https://host/path"),
        ({"crm": {**CRM, "url": "https://h/#s3cret"}}, "https://host/path"),
        ({"crm": {**CRM, "url": "https://h\\@s3cret/"}}, "https://host/path"),
        ({"crm": {**CRM, "url": "https://h:99999/s3cret"}}, "https://host/path"),
        ({"crm": {**CRM, "url": "https://h/s3 cret"}}, "https://host/path"),
        ({"crm": {**CRM, "url": "https://bücher.example/s3cret"}}, "https://host/path"),
        ({"crm": {**CRM, "url": "https://[::1/s3cret"}}, "https://host/path"),
        ({"crm": {**CRM, "url": "http://crm.example.com/s3cret"}}, "webhooks.private"),
        ({"crm": {**CRM, "events": ["User s3cret"]}}, "docs/webhooks.md"),
        ({"crm": {**CRM, "events": ["*"]}}, "docs/webhooks.md"),
        ({"crm": {**CRM, "header": "s3cret"}}, "webhooks.endpoints: give each endpoint a url"),
        ({"s3cret shop": CRM}, "a-z and 0-9"),
        ({"a" * 65: CRM}, "a-z and 0-9"),
        ({"a__b": CRM}, "a-z and 0-9"),
        ({f"e{number}": CRM for number in range(21)}, "webhooks.endpoints"),
    ],
)
def test_endpoints_that_cannot_work_are_refused_without_their_secrets(
    endpoints: object, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = endpoints if isinstance(endpoints, str) else json.dumps(endpoints)
    said = refusal_of(monkeypatch, capsys, **{ENDPOINTS: text})
    assert told in said
    assert "s3c" not in said


def test_webhooks_without_the_audit_trail_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refusal_of(monkeypatch, capsys, **{ENDPOINTS: json.dumps({"crm": CRM})}, TOKENHOUSE_AUDIT__ENABLED="false")
    assert "audit.enabled" in said


def test_an_event_that_there_is_not_is_refused() -> None:
    settings = builders.settings(
        webhooks={"endpoints": {"crm": {**CRM, "events": ["user.create"]}}},
        database={"url": "postgresql://h/d"},
        redis={"url": "redis://h"},
    )
    with pytest.raises(ConfigurationError, match=r"crm: there is no event user\.create "):
        build(settings, builders.FakeAmbient())


def test_the_page_lists_every_type_with_its_event() -> None:
    page = (ROOT / "docs/webhooks.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `([a-z_.]+)` \| `(\w+)`(?:: `\w+`|, all others)? \|$", page, re.MULTILINE))
    wanted = {event_type: name.value for name, event_type in TYPES.items()}
    assert told == wanted | {event_type: str(name) for (name, _), event_type in OF_REASONS.items()}
    assert set(told.values()) <= {name.value for name in Name}
