"""The operators' pages tell of things that exist: commands, settings, alerts, figures."""

import re
import shlex
from collections.abc import Iterator

import pytest
import yaml

from service.__main__ import command_line
from service.settings import Settings
from tests.conftest import ROOT
from tests.load import capacity, model, report

PAGES = [ROOT / "docs" / name for name in ("operations.md", "capacity.md")]
OPERATIONS = PAGES[0].read_text(encoding="utf-8")
ALERTS = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text(encoding="utf-8"))


def commands() -> Iterator[str]:
    """Each `tokenhouse ...` of the page, in a line of its own or within one."""
    for text in re.findall(r"(?:^ *|`)(tokenhouse [^`\n#]+)", OPERATIONS, re.MULTILINE):
        yield text.strip()


def test_every_alert_has_its_section() -> None:
    rules = [rule for group in ALERTS["groups"] for rule in group["rules"] if "alert" in rule]
    assert len(rules) > 20
    headings = re.findall(r"^### (Tokenhouse\w+)$", OPERATIONS, re.MULTILINE)
    assert headings == [rule["alert"] for rule in rules]  # none is missing, none is about nothing
    for rule in rules:
        assert rule["annotations"]["runbook_url"].endswith(f"#{rule['alert'].lower()}")


@pytest.mark.parametrize("text", sorted(set(commands())))
def test_every_command_is_understood(text: str) -> None:
    assert command_line().parse_args(shlex.split(text)[1:]).run


def test_every_setting_exists() -> None:
    named = re.findall(r"TOKENHOUSE_([A-Z_]+?)__([A-Z_]+)", OPERATIONS)
    dotted = re.findall(rf"`({'|'.join(Settings.model_fields)})\.(\w+)", OPERATIONS)
    assert len(named) > 3 < len(dotted)
    for section, name in [*((one.lower(), two.lower()) for one, two in named), *dotted]:
        assert name in type(getattr(Settings(), section)).model_fields, f"{section}.{name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: object) -> None:
    text = (ROOT / "docs" / getattr(page, "name", "")).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", text):
        name, _, anchor = target.partition("#")
        there = (ROOT / "docs" / name).read_text(encoding="utf-8") if name else text
        anchors = {
            re.sub(r"[^\w -]", "", one).lower().replace(" ", "-")
            for one in re.findall(r"^#+ (.*)$", there, re.MULTILINE)
        }
        assert not anchor or anchor in anchors, target


def test_the_table_of_what_a_site_needs_follows_from_the_figures_above_it() -> None:
    page = PAGES[1].read_text(encoding="utf-8")
    computed = model.table([model.Site(users) for users in model.SIZES], capacity.parse(page))
    assert computed in page


def test_the_assumptions_on_the_page_are_those_of_the_model() -> None:
    page = PAGES[1].read_text(encoding="utf-8").partition(report.END)[2]
    told = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| ([\d., ]+) \|", page, re.MULTILINE)
    pairs = {
        name.strip("`"): float(number)
        for names, numbers in told
        for name, number in zip(names.split(", "), numbers.split(", "), strict=True)
    }
    site = model.Site()
    assert pairs == {name: getattr(site, name) for name in capacity._names() if name != "users"}


def test_the_sessions_and_denylist_entries_on_the_page_keep_their_bars() -> None:
    weights = capacity.parse(PAGES[1].read_text(encoding="utf-8")).bytes
    assert {weights["S"] <= 600, weights["S6"] <= 600, weights["D"] <= 150} == {True}
