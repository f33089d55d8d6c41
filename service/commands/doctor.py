"""`tokenhouse doctor [--json]`: checks a deployment against its own settings."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict

from service.ambient import Ambient
from service.commands import event_loop
from service.commands.examination import examine
from service.commands.frame import DONE, FAILED, say
from service.doctor.finding import Finding, Level, counted
from service.settings import load


def add_parsers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    about = "check a deployment: stores, policies, clocks, secrets, keys, mail, proxies, limits; changes nothing"
    doctor = commands.add_parser("doctor", help=about, description=about)
    doctor.add_argument("--json", action="store_true", help="one JSON object a line")
    doctor.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    """Exit status 1 when there is any problem."""
    settings = load(asked.config)
    settings.require_stores_and_secret()
    with event_loop.runner(settings.server.event_loop) as loop:
        findings = loop.run(examine(settings, Ambient()))
    say("\n".join(map(_json, findings)) if asked.json else _table(findings))
    return FAILED if any(one.level is Level.PROBLEM for one in findings) else DONE


def _table(findings: Sequence[Finding]) -> str:
    checks = max(len(one.check) for one in findings)
    lines = [
        f"{one.level:7}  {one.check:{checks}}  {one.said}{f'; {one.advice}' if one.advice else ''}" for one in findings
    ]
    problems, warnings = (sum(one.level is level for one in findings) for level in (Level.PROBLEM, Level.WARNING))
    return "\n".join((*lines, f"{counted(problems, 'problem')}, {counted(warnings, 'warning')}"))


def _json(finding: Finding) -> str:
    return json.dumps(asdict(finding))
