"""The parser that every command is made of: options of the whole command hold before and after a subcommand."""

import argparse
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NoReturn

WRONG_CALL = 2


class CommandLine(argparse.ArgumentParser):
    """argparse makes subparsers of their parser's own class, so these options are in all of them."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - whatever argparse takes
        super().__init__(*arguments, **options)
        # Without a default: the one of a subparser would hide what was given before the subcommand.
        about = "the configuration file (also TOKENHOUSE_CONFIG)"
        self.add_argument("--config", type=Path, metavar="FILE", default=argparse.SUPPRESS, help=about)
        self.add_argument("--version", action="version", version=_version(), help="show the version and exit")

    def error(self, message: str) -> NoReturn:
        """Show all that could have been typed, not only the one line of argparse."""
        self.print_help(sys.stderr)
        self.exit(WRONG_CALL, f"\n{self.prog}: {message}\n")


@cache
def _version() -> str:
    try:
        return f"tokenhouse {version('tokenhouse')}"
    except PackageNotFoundError:
        return "tokenhouse, from a checkout that is not installed"
