"""Metrics, their page, the alert rules and the dashboard say the same."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from service.domain.limits.throttle import POLICIES
from service.settings import MetricsSettings
from service.telemetry.metrics.catalog import ALL, Measure, MetricKind
from service.telemetry.metrics.counters import LABEL_SETS
from tests.conftest import ROOT
from tests.generate import rules

PROMETHEUS = ROOT / "deploy" / "prometheus"
GRAFANA = ROOT / "deploy" / "grafana"
NAMES = {measure.name: measure for measure in ALL}
NOT_OURS = {  # of Prometheus and its client, with the labels that they may be asked by
    "up": {"job"},
    "process_cpu_seconds_total": {"job"},
    "process_resident_memory_bytes": {"job"},
}
OF_PROMETHEUS = {"instance", "job", "le"}
SERIES = re.compile(r"\b((?:tokenhouse|process|python)_\w+|up)\b(?:\{([^}]*)\})?")
GROUPING = re.compile(r"\b(?:by|on|ignoring) \(([^)]*)\)")
RUNBOOKS = "{{ with $externalLabels.tokenhouse_runbooks }}{{ . }}{{ else }}docs/operations.md{{ end }}"
PARTS = {MetricKind.HISTOGRAM: ("_bucket", "_sum", "_count")}


def alerts() -> list[dict[str, Any]]:
    file = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text(encoding="utf-8"))
    return [rule for group in file["groups"] for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    shown: dict[str, Any] = json.loads((GRAFANA / "dashboards" / "tokenhouse.json").read_text(encoding="utf-8"))
    return shown


def panels() -> list[dict[str, Any]]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def queries() -> Iterator[str]:
    for panel in panels():
        yield from (target["expr"] for target in panel["targets"])


def measure_of(series: str) -> Measure | None:
    """The measure that has such a series; a histogram is asked by its parts alone."""
    for measure in ALL:
        if series in [measure.name + part for part in PARTS.get(measure.kind, ("",))]:
            return measure
    return None


def rows_of(page: str, columns: int) -> list[list[str]]:
    lines = (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [row for row in cells if len(row) == columns and set(row[0]) != {"-"}]


def test_the_page_lists_every_metric_as_it_is() -> None:
    said = [row for row in rows_of("metrics.md", 4) if row[0].startswith("`tokenhouse_")]
    labels = [", ".join(f"`{label}`" for label in measure.labels) for measure in ALL]
    assert said == [[f"`{m.name}`", m.kind.value, label, m.about] for m, label in zip(ALL, labels, strict=True)]


def test_every_event_of_the_page_is_counted_from_zero() -> None:
    told: dict[tuple[str, str], set[str]] = {}
    event = ""
    for row in rows_of("observability.md", 5)[1:]:
        event = row[0].strip("`") or event
        outcome, _, reasons = row[1].partition(":")
        told.setdefault((event, outcome), set()).update(re.findall(r"`([^`]+)`", reasons) or {""})
    assert told == {
        (name.value, how.value): {str(one) for one in reasons} for (name, how), reasons in LABEL_SETS.items()
    }


def test_the_page_lists_every_policy_of_the_limits() -> None:
    (row,) = [row for row in rows_of("metrics.md", 2) if row[0] == "`outcome`, `policy` of the limiter"]
    assert {*re.findall(r"`([^`]+)`", row[1])} - {"allowed", "refused"} == {*POLICIES}


def test_names_follow_the_conventions_of_prometheus() -> None:
    for measure in ALL:
        assert re.fullmatch(r"tokenhouse_[a-z_]+", measure.name)
        assert measure.name.endswith("_total") == (measure.kind is MetricKind.COUNTER), measure.name
        assert not re.search(r"_(ms|milliseconds|minutes|kb|mb)\b", measure.name), measure.name
        assert not {"user", "email", "address", "source", "session"} & set(measure.labels), measure.name


@pytest.mark.parametrize("expression", [*(rule["expr"] for rule in alerts()), *queries()], ids=str)
def test_what_alerts_and_panels_ask_for_exists(expression: str) -> None:
    found = SERIES.findall(expression)
    assert found
    known: set[str] = set(OF_PROMETHEUS)
    for series, selector in found:
        measure = measure_of(series)
        assert measure or series in NOT_OURS, series
        labels = set(measure.labels) if measure else NOT_OURS[series]
        assert set(re.findall(r"(\w+)(?:=|!)", selector)) <= labels | OF_PROMETHEUS, series
        known |= labels
    for names in GROUPING.findall(expression):
        assert set(names.split(", ")) <= known, names


def test_every_alert_says_how_grave_it_is_and_where_to_read_on() -> None:
    names = [rule["alert"] for rule in alerts()]
    assert len(set(names)) == len(names)
    for rule in alerts():
        assert rule["labels"] == {"severity": rule["labels"]["severity"]}
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        assert rule["annotations"]["summary"].endswith("."), rule["alert"]
        assert rule["annotations"]["runbook_url"] == f"{RUNBOOKS}#{rule['alert'].lower()}"


def test_the_rules_for_the_operator_are_those_of_prometheus() -> None:
    assert rules.FILE.read_text(encoding="utf-8") == rules.resource(), "run `make rules`"


def test_what_a_summary_quotes_is_a_label_of_its_expression() -> None:
    for rule in alerts():
        for label in re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]):
            kept = [names.split(", ") for names in re.findall(r"\bby \(([^)]*)\)", rule["expr"])]
            if kept:
                assert all(label in names for names in kept), rule["alert"]
            else:
                assert not re.search(r"\b(sum|max|min)\(", rule["expr"]), rule["alert"]


def test_prometheus_asks_the_port_where_metrics_are() -> None:
    settings = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))
    [job] = settings["scrape_configs"]
    [found] = job["dns_sd_configs"]
    assert (job["job_name"], found["names"], found["port"]) == ("tokenhouse", ["api"], MetricsSettings().port)
    assert [(PROMETHEUS / name).is_file() for name in settings["rule_files"]] == [True]


def test_the_dashboard_asks_the_source_that_is_provisioned() -> None:
    [source] = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())["datasources"]
    [provider] = yaml.safe_load((GRAFANA / "provisioning/dashboards/tokenhouse.yml").read_text())["providers"]
    assert provider["options"]["path"] == "/etc/grafana/dashboards"
    asked = [panel["datasource"]["uid"] for panel in panels()] + [
        target["datasource"]["uid"] for panel in panels() for target in panel["targets"]
    ]
    assert set(asked) == {source["uid"]}


def test_no_panel_lies_on_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in dashboard()["panels"]}) == len(dashboard()["panels"])
