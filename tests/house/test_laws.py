"""The laws of this application that no linter knows."""

import ast
import re
from pathlib import Path

import pytest
import yaml

from service import errors
from service.api.openapi import all_refusals
from service.api.problems import REFUSALS
from service.errors import AuthError
from service.settings import Settings, load
from service.settings.values import Section
from tests.conftest import ROOT

CODE = sorted((ROOT / "service").rglob("*.py"))
LONGEST = 250
LONGEST_FUNCTION = 40
# Names that said nothing to a newcomer; each had a standard term (docs/architecture.md, Names).
RIDDLES = frozenset(
    {"told", "said", "whoever", "keepers", "voice", "tally", "trips", "endings", "heir", "doorstep", "turnstile"}
)
LIBRARIES = {  # foreign library: the rooms that may import it
    "aiohttp": {
        "http",
        "admin",
        "api",
        "cognito",
        "app.py",
        "commands",
        "client",
        "dev_inbox",
        "pages",
        "telemetry",
        "webhooks",
        "old_system",
    },
    "asyncpg": {"stores"},
    "redis": {"stores", "assembly/backends.py"},
    "joserfc": {"domain/signing", "client"},
    "authlib": {"domain/resource_servers"},
    "passlib": {"domain/passwords/bcrypt_engine.py", "domain/passwords/lanes.py"},
    "bcrypt": {"domain/passwords/lanes.py"},
    "pydantic": {"settings", "admin", "api", "http"},
    "pydantic_core": {"http", "admin", "api", "dev_inbox"},
    "pydantic_settings": {"settings"},
    "cryptography": {"domain/seals.py", "domain/foreign_hashes/schemes.py"},
    "argon2": {"domain/foreign_hashes/schemes.py"},
    "pyotp": {"domain/second_factors/totp.py"},
    "webauthn": {"domain/second_factors/relying_party.py"},
    "gmpy2": {"domain/srp/group.py"},
    "idna": {"domain/accounts/names.py"},
    "yaml": {"settings"},
    "opentelemetry": {"telemetry/tracing.py"},
    "prometheus_client": {"telemetry/metrics"},
    "shtab": {"__main__.py"},
    "aiosmtplib": {"mail/smtp.py"},
    "segno": {"pages/qr.py"},
    "jinja2": {"mail/letters.py", "pages/rendering.py"},
    "uvloop": {"commands/event_loop.py"},
    "yarl": {"settings", "webhooks/sender.py", "old_system"},
}


def imports_of(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("file", CODE, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_file_is_longer_than_a_person_can_hold_in_mind(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize("file", CODE, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_function_is_longer_than_a_screen(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < LONGEST_FUNCTION, node.name


def test_no_two_classes_share_a_name() -> None:
    """But for JSON schemas, which are always spoken of as `schemas.Name`, and the verifier, which stands alone."""
    found: dict[str, Path] = {}
    for file in CODE:
        if not file.name.endswith("schemas.py") and "client" not in file.parts:
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef):
                    assert found.setdefault(node.name, file) == file, (node.name, found[node.name], file)


def test_no_identifier_is_a_riddle() -> None:
    for file in CODE:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = {getattr(node, attribute, None) for attribute in ("id", "attr", "arg", "name")}
            allowed = {"said"} if "doctor" in (file.stem, file.parent.name) else set()  # a member of `doctor --json`
            assert not names & RIDDLES - allowed, (file, names & RIDDLES)


def test_the_formatter_has_the_last_word() -> None:
    pragma = "# fm" + "t:"
    for file in [*CODE, *(ROOT / "tests").rglob("*.py")]:
        assert pragma not in file.read_text(encoding="utf-8"), file


@pytest.mark.parametrize("word", LIBRARIES)
def test_a_foreign_library_is_imported_in_its_own_rooms_only(word: str) -> None:
    for file in CODE:
        place = file.relative_to(ROOT / "service").as_posix()
        if word in imports_of(file):
            assert any(place == room or place.startswith(room + "/") for room in LIBRARIES[word]), place


def test_every_refusal_has_a_status_and_a_code() -> None:
    refusals = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AuthError)} - {
        AuthError
    }
    assert set(REFUSALS) == refusals
    for refusal in all_refusals():
        assert re.fullmatch(r"[a-z_]+", refusal.code)
        assert refusal.message.endswith((".", "`."))


def test_the_shipped_configuration_lists_every_setting_with_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    shipped = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            assert list(shipped[name]) == list(kind.model_fields), name
    assert load(ROOT / "config.yaml") == Settings()


def test_only_the_key_room_knows_the_prefix_of_redis_keys() -> None:
    for file in CODE:
        if file != ROOT / "service/stores/redis_keys.py":
            assert '"th:' not in file.read_text(encoding="utf-8"), file


def test_every_lua_script_begins_with_what_it_does() -> None:
    for file in (ROOT / "service/stores/lua").glob("*.lua"):
        assert file.read_text(encoding="utf-8").startswith("-- "), file


def test_every_ignore_gives_its_reason() -> None:
    noqa, ignore = "# no" + "qa", "# type: " + "ignore"  # spelt so that this file does not find itself
    for file in [*CODE, *(ROOT / "tests").rglob("*.py")]:
        for line in file.read_text(encoding="utf-8").splitlines():
            if noqa in line:
                assert re.search(noqa + r": [A-Z0-9, ]+ - \w", line), f"{file}: {line}"
            if ignore in line:
                assert re.search(ignore + r"\[[a-z, -]+\] # \w", line), f"{file}: {line}"


def test_the_top_level_is_what_was_agreed() -> None:
    agreed = {
        "service",
        "sql",
        "tests",
        "config.yaml",
        "pyproject.toml",
        "docker-compose.yml",
        "Makefile",
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "Dockerfile",
        "docs",
        "deploy",
        "LICENSE",
        "requirements.lock",
        "dist",
        "load-report.html",
    }
    assert {entry.name for entry in ROOT.iterdir() if not entry.name.startswith(".")} <= agreed | {"__pycache__"}
