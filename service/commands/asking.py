"""Questions to the person at the terminal."""

import argparse
import getpass
import sys

from service.commands.command_line import WRONG_CALL
from service.commands.frame import DONE, FAILED, complain
from service.operator_errors import ConfigurationError


def add_yes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="do not ask: for scripts")


def agrees(question: str, *, is_asked: bool) -> int:
    """0 when a person at a terminal agrees, or nobody is asked (`--yes`); otherwise the exit status."""
    if not is_asked:
        return DONE
    if not sys.stdin.isatty():
        complain("this cannot be undone; where nobody can be asked, add --yes")
        return WRONG_CALL
    sys.stderr.write(f"{question} Type yes to go on: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() == "yes":
        return DONE
    complain("nothing was done")
    return FAILED


def password() -> str:
    """Typed twice at a terminal; otherwise the first line of standard input. An argument would be seen by others.

    Raises ConfigurationError.
    """
    if not sys.stdin.isatty():
        if typed := sys.stdin.readline().rstrip("\r\n"):
            return typed
        raise ConfigurationError("the password is read from standard input, which is empty")
    typed = getpass.getpass("Password: ")
    if getpass.getpass("The same again: ") != typed:
        raise ConfigurationError("the two are not the same")
    return typed
