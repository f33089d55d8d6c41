"""The argument parser of every command. Global options are accepted before and after a subcommand."""

import argparse
import sys
from pathlib import Path
from typing import Any, NoReturn

from service.version import installed_version

WRONG_CALL = 2
VERSION = (
    f"tokenhouse {known}" if (known := installed_version()) else "tokenhouse, from a checkout that is not installed"
)


class CommandLine(argparse.ArgumentParser):
    """argparse creates subparsers with their parser's class, so all of them have these options."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - argparse's own
        super().__init__(*arguments, **options)
        # No default: a subparser's default would override the value given before the subcommand.
        about = "the configuration file (also TOKENHOUSE_CONFIG)"
        self.add_argument("--config", type=Path, metavar="FILE", default=argparse.SUPPRESS, help=about)
        self.add_argument("--version", action="version", version=VERSION, help="show the version and exit")

    def error(self, message: str) -> NoReturn:
        """Print the full help, not only argparse's one line."""
        self.print_help(sys.stderr)
        self.exit(WRONG_CALL, f"\n{self.prog}: {message}\n")
