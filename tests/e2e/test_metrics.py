"""Metrics of the command as Prometheus finds them, and the files for Prometheus as its own tool judges them."""

import re
import subprocess
from pathlib import Path
from urllib.request import urlopen

import pytest

from service.embedded import Stores
from tests.conftest import ROOT
from tests.e2e.processes import PATIENCE, of, running, stop, wait_for
from tests.e2e.programs import find
from tests.ports import free_port

LISTENING = re.compile(r"metrics\s+host=127\.0\.0\.1 port=(\d+)")


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


def test_a_port_of_another_stops_the_start_with_one_line(embedded: Stores, database: object, redis: object) -> None:
    port, metrics = free_port(), str(free_port())
    with running("serve", **of(embedded, port, TOKENHOUSE_METRICS__PORT=metrics)) as first:
        wait_for(port, "/readyz", 200, first)
        with running("serve", **of(embedded, free_port(), TOKENHOUSE_METRICS__PORT=metrics)) as second:
            said = second.communicate(timeout=PATIENCE)[0]
            assert second.returncode == 78
        stop(first)
    assert f"tokenhouse: 127.0.0.1 port {metrics} is in use; set TOKENHOUSE_METRICS__PORT to a free port\n" in said


def test_an_instance_without_metrics_loads_nothing_for_them(embedded: Stores, database: object, redis: object) -> None:
    port = free_port()
    with running("serve", **of(embedded, port, TOKENHOUSE_METRICS__ENABLED="false")) as process:
        wait_for(port, "/readyz", 200, process)
        maps = Path(f"/proc/{process.pid}/maps")
        assert not maps.exists() or "prometheus" not in maps.read_text()
        assert "port=" not in "".join(line for line in stop(process).splitlines() if "metrics" in line)


def test_prometheus_accepts_its_configuration_and_the_rules(promtool: Path) -> None:
    for kind, file in (("config", "prometheus.yml"), ("rules", "alerts.yml")):
        judged = subprocess.run(
            [promtool, "check", kind, ROOT / "deploy" / "prometheus" / file],
            capture_output=True,
            text=True,
            check=False,
        )
        assert judged.returncode == 0, judged.stdout + judged.stderr
