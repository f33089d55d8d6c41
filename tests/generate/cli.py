"""docs/cli.md: every command, from its parser."""

import argparse
from collections.abc import Iterator

from service.__main__ import command_line
from tests.conftest import ROOT

FILE = ROOT / "docs" / "cli.md"
HEAD = """# The command

Every subcommand of `tokenhouse`. Written by `make pages` from the parser.

`make run` and `make install` put it at `.venv/bin/tokenhouse`. `dev`, `clients` and `completion` need nothing; the others read the same settings
as an instance ([configuration.md](configuration.md)), so they work from any machine that has them. `tokenhouse dev COMMAND` runs any of
them on the instance that `make run` or `tokenhouse dev` runs in the same directory, with its settings and not those of the shell. `--config FILE` is taken before and after a subcommand.
`source <(tokenhouse completion bash)` teaches bash to complete it.

Exit status: 0 done; 1 refused, not found, or not now because a store does not answer; 2 a wrong call, or a question that nobody can
be asked; 78 a setting, a file or rights of the database's role that cannot work; 130 Ctrl-C. What is wrong is on standard error. What a command
does is in the audit trail with its operator's name ([observability.md](observability.md)). When to use those about keys and secrets:
[keys.md](keys.md).

| command | |
|---|---|
"""
EVERYWHERE = ("help", "config", "version")


def text() -> str:
    commands = list(_commands(command_line(), "tokenhouse"))
    index = "".join(f"| `{name}` | {about} |\n" for name, about, _ in commands)
    details = "".join(_options(name, parser) for name, _, parser in commands)
    return f"{HEAD}{index}{details}"


def _commands(parser: argparse.ArgumentParser, name: str) -> Iterator[tuple[str, str, argparse.ArgumentParser]]:
    """Those that can be run, but for the copies of all others behind `dev`."""
    groups = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    if not groups or name.startswith("tokenhouse dev"):
        words = " ".join(_word(one) for one in parser._actions if not one.option_strings and one.metavar != "COMMAND")
        yield f"{name} {words}".strip(), parser.description or "", parser
        return
    for word, inner in groups[0].choices.items():
        yield from _commands(inner, f"{name} {word}")


def _word(action: argparse.Action) -> str:
    """In brackets where it may be left out."""
    return {
        "?": f"[{action.metavar}]",
        "*": f"[{action.metavar} ...]",
        argparse.REMAINDER: f"[{action.metavar} ...]",
    }.get(str(action.nargs), str(action.metavar))


def _options(name: str, parser: argparse.ArgumentParser) -> str:
    rows = [
        f"- `{_spelled(one)}`: {one.help}{_choices(one)}"
        for one in parser._actions
        if one.dest not in EVERYWHERE and one.help and not isinstance(one, argparse._SubParsersAction)
    ]
    return "\n".join((f"\n## {name}\n", *rows, "")) if rows else ""


def _choices(action: argparse.Action) -> str:
    """Where its name does not show them, as that of the shells does."""
    return f": {', '.join(action.choices)}" if action.choices and action.option_strings else ""


def _spelled(action: argparse.Action) -> str:
    value = f" {action.metavar}" if action.metavar and action.option_strings else str(action.metavar or "")
    return f"{', '.join(action.option_strings)}{value}"
