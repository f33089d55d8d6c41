"""A configuration that cannot work: one clear line, exit status 78, never a traceback, never the value."""

import os
import sys
from pathlib import Path

import pytest

from service.__main__ import main
from service.operator_errors import ConfigurationError
from service.settings import as_variables, is_about_settings, load
from service.settings.files import secrets_in
from tests.support.builders import SECRET

NOBODY = 65534

GOOD = {
    "TOKENHOUSE_DATABASE__URL": "postgresql://nobody@127.0.0.1:1/none",
    "TOKENHOUSE_REDIS__URL": "redis://127.0.0.1:1/0",
    "TOKENHOUSE_SECRET_KEY": SECRET,
}


def refusal_of(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], **environment: str) -> str:
    for name, value in (GOOD | environment).items():
        monkeypatch.setenv(name, value)
    assert main(["serve"]) == 78
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("tokenhouse: ")
    return said


@pytest.mark.parametrize("name", GOOD)
def test_what_is_required_is_asked_for_by_name(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refusal_of(monkeypatch, capsys, **{name: ""})
    assert f"{name} is missing" in said


@pytest.mark.parametrize(
    "url", ["postgresql://u:s3cr/et@h/d", "postgresql://u:s3cr#et@h/d", "mysql://u:s3cret@h/d", "s3cret"]
)
def test_a_store_s_url_that_does_not_parse_is_refused_without_its_password(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("TOKENHOUSE_DATABASE__URL", "TOKENHOUSE_REDIS__URL"):
        said = refusal_of(monkeypatch, capsys, **{name: url})
        monkeypatch.setenv(name, GOOD[name])
        assert name in said
        assert "s3cr" not in said


@pytest.mark.parametrize(
    "secret",
    [
        "tiny-0451",
        "x" * 31,
        "x" * 64,
        "change-me-change-me-change-me-change-me-1234",
        "your-secret-here-your-secret-here-1234",
    ],
)
def test_a_short_or_sample_secret_stops_the_start(
    secret: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refusal_of(monkeypatch, capsys, TOKENHOUSE_SECRET_KEY=secret)
    assert "TOKENHOUSE_SECRET_KEY" in said
    assert secret not in said
    assert "TOKENHOUSE_SECRET_KEYS_PREVIOUS" in refusal_of(
        monkeypatch, capsys, TOKENHOUSE_SECRET_KEYS_PREVIOUS=f"{SECRET},{secret}"
    )


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("TOKENHOUSE_SERVER__PROT", "1", "server.prot"),
        ("TOKENHOUSE_NO_SUCH", "1", "TOKENHOUSE_NO_SUCH"),
        ("TOKENHOUSE_SERVER", "1", "TOKENHOUSE_SERVER"),
        ("TOKENHOUSE_SERVER__PORT", "eighty", "server.port"),
        ("TOKENHOUSE_SERVER__PORT", "70000", "server.port"),
        ("TOKENHOUSE_PASSWORDS__MAX_WAIT", "2", "passwords.max_wait"),
        ("TOKENHOUSE_PASSWORDS__BCRYPT_ROUNDS", "3", "passwords.bcrypt_rounds"),
        ("TOKENHOUSE_LOGGING__LEVEL", "LOUD", "logging.level"),
        ("TOKENHOUSE_THROTTLE__LOGIN_SOURCE", "many", "throttle.login_source"),
        ("TOKENHOUSE_TOKENS__LEEWAY", "5m", "tokens.leeway"),
        ("TOKENHOUSE_SERVER__TRUSTED_PROXIES", "10.0.0.0/99", "server.trusted_proxies"),
        ("PORT", "x", "server.port"),
        ("TOKENHOUSE_CONFIG", "/no/such/file.yaml", "/no/such/file.yaml"),
    ],
)
def test_a_setting_that_is_wrong_is_named(
    name: str, value: str, word: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert word in refusal_of(monkeypatch, capsys, **{name: value})


@pytest.mark.parametrize(
    "value",
    ["127.0.0.1", "::1", "[::1]", "https://example.com", "example.com:8443", "Example.com", "a_b.example", "a."],
)
def test_a_domain_of_passkeys_that_is_none_is_refused_with_its_form(
    value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refusal_of(monkeypatch, capsys, TOKENHOUSE_PASSKEYS__RP_ID=value) == (
        "tokenhouse: passkeys.rp_id: write a domain such as example.com, without scheme and port; browsers make no"
        " passkeys for an IP address\n"
    )


@pytest.mark.parametrize("text", ["a: [", "- 1", "\x00", "7"])
def test_a_file_that_is_no_configuration_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=r"mine\.yaml"):
        load(file)


@pytest.mark.parametrize("value", ["5", "debug", "[1]", "true", "0", "''"])
@pytest.mark.parametrize("environment", [{}, {"TOKENHOUSE_LOGGING__LEVEL": "INFO"}])
def test_a_section_that_holds_no_settings_is_refused_whoever_else_sets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], value: str
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f"logging: {value}\n")
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    with pytest.raises(ConfigurationError, match=r"mine\.yaml: logging must hold named settings"):
        load(file)
    file.write_text("logging:\n")
    assert load(file).logging.level == "INFO"


@pytest.mark.parametrize("name", ["tokenhouse_logging", "TOKENHOUSE_LOGING__LEVEL", "tokenhouse_secret_keey"])
def test_a_secrets_file_that_names_no_setting_is_refused_whatever_the_environment_sets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("TOKENHOUSE_LOGGING__LEVEL", "INFO")
    monkeypatch.setenv("TOKENHOUSE_SECRETS_DIR", str(tmp_path))
    keep(tmp_path / name, "5")
    with pytest.raises(ConfigurationError, match=f"{name} names no setting"):
        load()


def keep(file: Path, text: str, mode: int = 0o600) -> None:
    file.write_text(text)
    file.chmod(mode)


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o620, 0o440 | 0o001 | 0o004])
def test_a_secrets_file_that_is_open_to_others_stops_the_start(
    mode: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "tokenhouse_secret_key"
    keep(file, SECRET, mode)
    said = refusal_of(monkeypatch, capsys, TOKENHOUSE_SECRETS_DIR=str(tmp_path))
    assert f"TOKENHOUSE_SECRET_KEY: others may read or change {file}: chmod o-rw,g-w {file}" in said
    assert SECRET not in said


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o440, 0o640])
def test_secrets_files_as_kubernetes_lays_them_out_are_read(
    mode: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Links to links; the directory they lead to is in there as well."""
    (tmp_path / "..2026").mkdir()
    keep(tmp_path / "..2026" / "tokenhouse_secret_key", SECRET, mode)
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "tokenhouse_secret_key").symlink_to("..data/tokenhouse_secret_key")
    monkeypatch.setenv("TOKENHOUSE_SECRETS_DIR", str(tmp_path))
    assert load().secret_key.get_secret_value() == SECRET
    (tmp_path / "..2026" / "tokenhouse_secret_key").chmod(mode | 0o004)
    with pytest.raises(ConfigurationError, match="others may read"):
        load()


def test_the_environment_wins_over_secrets_files_and_those_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.yaml").write_text("server: {port: 1, host: a}\ndatabase: {url: from-file}\n")
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    keep(secrets / "TOKENHOUSE_SERVER__PORT", "2")
    keep(secrets / "tokenhouse_database__url", "from-secret\n")
    (secrets / "unrelated").write_text("ignored")
    monkeypatch.setenv("TOKENHOUSE_SECRETS_DIR", str(secrets))
    assert load(tmp_path / "mine.yaml").server.port == 2
    monkeypatch.setenv("PORT", "3")
    assert load(tmp_path / "mine.yaml").server.port == 3
    monkeypatch.setenv("TOKENHOUSE_SERVER__PORT", "4")
    settings = load(tmp_path / "mine.yaml")
    assert (settings.server.port, settings.server.host) == (4, "a")
    assert settings.database.url.get_secret_value() == "from-secret"


def test_lists_rates_and_durations_are_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENHOUSE_SERVER__TRUSTED_PROXIES", "10.0.0.0/8, ::1")
    monkeypatch.setenv("TOKENHOUSE_THROTTLE__LOGIN_ATTEMPTS", "7/90s")
    monkeypatch.setenv("TOKENHOUSE_TOKENS__REFRESH_LIFETIME", "P1DT12H")
    settings = load()
    assert [str(network) for network in settings.server.trusted_proxies] == ["10.0.0.0/8", "::1/128"]
    assert settings.throttle.login_attempts
    assert (settings.throttle.login_attempts.quota, settings.throttle.login_attempts.window.total_seconds()) == (7, 90)
    assert settings.tokens.refresh_lifetime.total_seconds() == 36 * 3600


def test_a_secret_is_never_printed_with_the_settings() -> None:
    settings = load()
    shown = repr(type(settings)(secret_key=SECRET, database={"url": "postgresql://u:hidden@h/d"}))
    assert SECRET not in shown
    assert "hidden" not in shown


def test_tracing_without_its_libraries_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "service.telemetry.tracing", None)  # it cannot be imported
    said = refusal_of(monkeypatch, capsys, TOKENHOUSE_TRACING__ENABLED="true")
    assert "pip install '.[otel]'" in said


def test_settings_that_are_written_as_variables_are_read_as_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, bare = tmp_path / "mine.yaml", tmp_path / "bare.yaml"
    bare.write_text("")
    file.write_text(
        "server: {trusted_proxies: [10.0.0.0/8, '::1'], cors_origins: 'https://a.example', body_timeout: 1ms, drain: 0s}\n"
        "keys: {rotate_after: 30d}\nmetrics: {enabled: false}\npasswords: {workers: 3, max_wait: 1.5s}\n"
        f"introspection: {{clients: {{shop: {'a' * 64}, till: {'b' * 64}}}}}\n"
        "throttle: {login_attempts: 7/1h, signup_source: 3/250ms}\n"
        f"secret_key: {SECRET}\nsecret_keys_previous: [{SECRET}1, {SECRET}2]\ntokens: {{id_lifetime: PT5M}}\n"
    )
    for config in (file, bare):
        settings = load(config)
        variables = as_variables(settings)
        assert all(map(is_about_settings, variables))
        with monkeypatch.context() as there:
            for name, value in variables.items():
                there.setenv(name, value)
            assert load(bare) == settings


@pytest.mark.parametrize(
    ("name", "value", "form"),
    [
        ("TOKENHOUSE_INTROSPECTION__CLIENTS", "s3cret", "tokenhouse clients new"),
        ("TOKENHOUSE_INTROSPECTION__CLIENTS", "S3cret:00", "tokenhouse clients new"),
        ("TOKENHOUSE_SERVER__PORT", "s3cret", "a whole number"),
        ("PORT", "70000", "at most 65535"),
        ("TOKENHOUSE_SERVER__PORT", "-1", "at least 0"),
        ("TOKENHOUSE_METRICS__PORT", "1.5", "a whole number"),
        ("TOKENHOUSE_TOKENS__ID_LIFETIME", "0s", "longer than 0s"),
        ("TOKENHOUSE_TOKENS__ID_LIFETIME", "Ps3cret", "30d"),
        ("TOKENHOUSE_TOKENS__LEEWAY", "61s", "from 0s to 60s"),
        ("TOKENHOUSE_KEYS__PUBLISH_AHEAD", "1s", "6 minutes"),
        ("TOKENHOUSE_TOKENS__ISSUER", " ", "the public address"),
        ("TOKENHOUSE_TOKENS__ISSUER", "http://s3 cret", "blanks"),
        ("TOKENHOUSE_SERVER__TRUSTED_PROXIES", "s3cret.example", "10.0.0.0/8"),
        ("TOKENHOUSE_LOGGING__PROBES", "s3cret", "true or false"),
        ("TOKENHOUSE_AUDIT__KEEP", "9999999999999d", "at most 36500d"),
        ("TOKENHOUSE_AUDIT__KEEP", "9" * 400 + "d", "at most 36500d"),
        ("TOKENHOUSE_AUDIT__KEEP", "P40000D", "at most 36500d"),
        ("TOKENHOUSE_AUDIT__KEEP", "P999999999999999D", "30d"),
        ("TOKENHOUSE_THROTTLE__LOGIN_SOURCE", "5/9999999999999d", "at most 36500d"),
        ("TOKENHOUSE_THROTTLE__LOGIN_SOURCE", "9" * 5000 + "/1m", "COUNT/DURATION"),
        ("TOKENHOUSE_TOKENS__CLIENT_ID", "s3cret\udcff", "UTF-8"),
        ("DATABASE_URL", "s3cret\udcff", "UTF-8"),
    ],
)
def test_a_wrong_setting_is_told_its_form_in_our_words_without_its_value(
    name: str, value: str, form: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refusal_of(monkeypatch, capsys, **{name: value})
    assert form in said
    for words in ("Input", "String should", "valid", "pattern", "datetime", "s3", value if len(value) > 2 else "Input"):
        assert words not in said


def test_an_empty_issuer_in_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("tokens: {issuer: ''}\n")
    with pytest.raises(ConfigurationError, match=r"^tokens\.issuer: write the public address"):
        load(tmp_path / "mine.yaml")


def test_a_secrets_file_that_is_not_utf8_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "tokenhouse_secret_key"
    keep(file, "")
    file.write_bytes(b"s3cret\xff" * 9)
    said = refusal_of(monkeypatch, capsys, TOKENHOUSE_SECRETS_DIR=str(tmp_path))
    assert f"TOKENHOUSE_SECRET_KEY: {file} is not a text in UTF-8" in said
    assert "s3cret" not in said


@pytest.mark.parametrize("mode", [0o000, 0o200, 0o600])  # to be listed, a directory needs r; to be entered, x
def test_a_secrets_directory_that_may_not_be_read_is_named(tmp_path: Path, mode: int) -> None:
    for above in (tmp_path, *tmp_path.parents[:2]):
        above.chmod(above.stat().st_mode | 0o011)
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    keep(secrets / "tokenhouse_secret_key", SECRET)
    root = os.geteuid() == 0
    if root:  # whom no mode stops
        os.chown(secrets, NOBODY, NOBODY)
    secrets.chmod(mode)
    try:
        if root:
            os.seteuid(NOBODY)
        with pytest.raises(ConfigurationError, match=f"{secrets}: Permission denied: .*TOKENHOUSE_SECRETS_DIR"):
            list(secrets_in(secrets))
    finally:
        if root:
            os.seteuid(0)
        secrets.chmod(0o700)
