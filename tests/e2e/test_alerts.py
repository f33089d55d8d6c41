"""What Prometheus makes of the alert rules, by its own tool, with the series of an instance that really runs."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.embedded import Stores
from tests.conftest import ROOT
from tests.e2e.test_metrics import scrape
from tests.support.ports import free_port
from tests.support.processes import answers, of, running, stop, wait_for
from tests.support.programs import find

RULES = ROOT / "deploy/prometheus/alerts.yml"
MONITORING = ROOT / "deploy/kubernetes/monitoring"
SERVICES = ROOT / "deploy/kubernetes/base/service.yaml"
SERIES = re.compile(r"^([a-zA-Z_:][\w:]*)(\{.*\})? (\S+)$", re.MULTILINE)
RUNBOOKS = "https://git.example.com/tokenhouse/docs/operations.md"
MINUTES = 180  # longer than any `for`


@pytest.fixture(scope="module")
def promtool() -> Path:
    return find("prometheus", "--version").with_name("promtool")


@pytest.fixture(scope="module")
def healthy(embedded: Stores) -> str:
    """A scrape of an instance that is ready and has answered."""
    port, metrics = free_port(), free_port()
    with running("serve", **of(embedded, port, TOKENHOUSE_METRICS__PORT=str(metrics))) as process:
        wait_for(port, "/readyz", 200, process)
        assert answers(port, "/.well-known/jwks.json") == 200
        said = scrape(metrics)
        stop(process)
    return said


def job_of_compose() -> str:
    [job] = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]
    return str(job["job_name"])


def job_of_kubernetes() -> str:
    """As the operator names it: after the label that `jobLabel` names, or else after the Service."""
    spec = yaml.safe_load((MONITORING / "servicemonitor.yaml").read_text(encoding="utf-8"))["spec"]
    wanted = spec["selector"]["matchLabels"].items()
    every = yaml.safe_load_all(SERVICES.read_text(encoding="utf-8"))
    [service] = [one["metadata"] for one in every if wanted <= one["metadata"]["labels"].items()]
    labels: dict[str, str] = service["labels"]
    return str(labels.get(spec.get("jobLabel", ""), service["name"]))


def series_of(scrape: str, job: str, up: int = 1) -> list[dict[str, str]]:
    """Each series of the scrape with the labels that Prometheus adds, standing still for all the time."""
    target = f'instance="one:9090",job="{job}"'
    values = f"x{MINUTES}"
    lines = [{"series": f"up{{{target}}}", "values": f"{up}{values}"}]
    for name, labels, value in SERIES.findall(scrape):
        own = f"{labels[1:-1]}," if labels else ""
        lines.append({"series": f"{name}{{{own}{target}}}", "values": f"{value}{values}"})
    return lines


def judge(promtool: Path, directory: Path, series: list[dict[str, str]], expected: dict[str, list[Any]]) -> str:
    """What promtool complains of when it looks for exactly these alerts, empty when they are as expected."""
    names = [rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    at = [{"eval_time": f"{MINUTES}m", "alertname": name, "exp_alerts": expected.get(name, [])} for name in names]
    told = {"interval": "1m", "input_series": series, "external_labels": {"tokenhouse_runbooks": RUNBOOKS}}
    file = directory / "alerts_test.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "tests": [{**told, "alert_rule_test": at}]}))
    done = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize("job", [job_of_compose(), job_of_kubernetes()], ids=["compose", "kubernetes"])
def test_no_alert_fires_while_an_instance_is_healthy(job: str, healthy: str, promtool: Path, tmp_path: Path) -> None:
    assert not judge(promtool, tmp_path, series_of(healthy, job), {})


def test_an_instance_that_is_gone_fires_with_an_absolute_address_of_the_runbook(
    healthy: str, promtool: Path, tmp_path: Path
) -> None:
    down = {
        "exp_labels": {"severity": "page"},
        "exp_annotations": {"summary": "No instance answers.", "runbook_url": f"{RUNBOOKS}#tokenhousedown"},
    }
    alone = {
        "exp_labels": {"severity": "ticket", "instance": "one:9090", "job": "tokenhouse"},
        "exp_annotations": {
            "summary": "one:9090 does not answer.",
            "runbook_url": f"{RUNBOOKS}#tokenhouseinstancedown",
        },
    }
    gone = series_of(healthy, "tokenhouse", up=0)
    assert not judge(promtool, tmp_path, gone, {"TokenhouseDown": [down], "TokenhouseInstanceDown": [alone]})
    assert "TokenhouseDown" in judge(promtool, tmp_path, gone, {})


def test_the_operator_is_given_the_same_rules(promtool: Path, tmp_path: Path) -> None:
    resource = yaml.safe_load((MONITORING / "rules.yaml").read_text(encoding="utf-8"))
    assert (resource["apiVersion"], resource["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert resource["spec"] == yaml.safe_load(RULES.read_text(encoding="utf-8"))
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump(resource["spec"]))
    done = subprocess.run([promtool, "check", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
