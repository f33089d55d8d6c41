"""Metrics of the command as Prometheus finds them, and the files for Prometheus as its own tool judges them."""

import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest
import yaml

from service.commands import dev
from service.embedded import Stores
from service.settings import MetricsSettings, load
from tests.conftest import ROOT
from tests.support.ports import free_port
from tests.support.processes import of, running, stop, wait_for
from tests.support.programs import find
from tests.support.waiting import PATIENCE


def scrape(port: int) -> str:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE) as answer:
        text: str = answer.read().decode()
        return text


@pytest.fixture
def promtool() -> Path:
    return find("prometheus", "--version").with_name("promtool")


def test_an_instance_tells_its_state_on_a_port_of_its_own(
    embedded: Stores, database: object, redis: object, promtool: Path
) -> None:
    port, metrics = free_port(), free_port()
    with running("serve", **of(embedded, port, TOKENHOUSE_METRICS__PORT=str(metrics))) as process:
        wait_for(port, "/readyz", 200, process)
        wait_for(port, "/metrics", 404, process)
        said = scrape(metrics)
        stop(process)
    for line in (
        "tokenhouse_ready 1.0",
        'tokenhouse_store_up{store="postgres"} 1.0',
        'tokenhouse_store_up{store="redis"} 1.0',
        'tokenhouse_signing_keys{state="active"} 1.0',
        'tokenhouse_store_connections_limit{store="postgres"} 10.0',
    ):
        assert line in said.splitlines()
    assert re.search(r'^tokenhouse_http_request_duration_seconds_count{.*route="/readyz".*} [1-9]', said, re.MULTILINE)
    assert re.search(r"^process_resident_memory_bytes \d", said, re.MULTILINE)
    judged = subprocess.run([promtool, "check", "metrics"], input=said, capture_output=True, text=True, check=False)
    assert (judged.returncode, judged.stderr) == (0, "")


def test_equal_instances_on_one_machine_need_no_settings_of_their_own(
    embedded: Stores, database: object, redis: object
) -> None:
    taken, quiet = free_port(), free_port()
    same = {"TOKENHOUSE_METRICS__PORT": str(taken)}
    with running("serve", **of(embedded, free_port(), **same)) as first:
        wait_for(taken, "/metrics", 200, first)
        with running("serve", **of(embedded, quiet, **same)) as second:
            wait_for(quiet, "/readyz", 200, second)


def test_the_library_is_loaded_only_where_metrics_are_on() -> None:
    asks = "import sys, service.__main__, service.commands.serve; print('prometheus_client' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", asks], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout == "False\n"


def test_instances_of_dev_get_along_unless_a_port_is_asked_for(embedded: Stores, tmp_path: Path) -> None:
    chosen = load().model_copy(update={"metrics": MetricsSettings(port=9191)})
    assert dev._pinned(load(), embedded, tmp_path)["metrics"] == {"port": 0}
    assert "metrics" not in dev._pinned(chosen, embedded, tmp_path)


def check(promtool: Path, kind: str, file: Path) -> None:
    judged = subprocess.run([promtool, "check", kind, file], capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stdout + judged.stderr


def test_prometheus_accepts_its_configuration_and_the_rules(promtool: Path) -> None:
    check(promtool, "config", ROOT / "deploy/prometheus/prometheus.yml")
    check(promtool, "rules", ROOT / "deploy/prometheus/alerts.yml")


def test_prometheus_understands_every_panel(promtool: Path, tmp_path: Path) -> None:
    board = json.loads((ROOT / "deploy/grafana/dashboards/tokenhouse.json").read_text(encoding="utf-8"))
    asked = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    asked = [one.replace("$__rate_interval", "5m").replace("$instance", ".*") for one in asked]
    rules = [{"record": f"panel:{number}", "expr": one} for number, one in enumerate(asked)]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    check(promtool, "rules", file)
