"""Questions to the person at the terminal."""

import argparse
import getpass
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from service.commands.command_line import WRONG_CALL
from service.commands.frame import DONE, FAILED, complain


class NoPasswordError(Exception):
    """The message says why none was taken."""


def add_yes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="do not ask: for scripts")


def agrees(question: str, *, is_asked: bool, why: str = "this cannot be undone") -> int:
    """0 when a person at a terminal agrees, or nobody is asked (`--yes`); otherwise the exit status.

    `why` somebody is asked, for scripts.
    """
    if not is_asked:
        return DONE
    if not sys.stdin.isatty():
        complain(f"{why}; where nobody can be asked, add --yes")
        return WRONG_CALL
    sys.stderr.write(f"{question} Type yes to go on: ")
    sys.stderr.flush()
    with _interruptible():
        answer = sys.stdin.readline()
    if answer.strip().lower() == "yes":
        return DONE
    complain("nothing was done")
    return FAILED


def password() -> str:
    """Typed twice at a terminal; otherwise the first line of standard input. An argument would be seen by others.

    Raises NoPasswordError.
    """
    if not sys.stdin.isatty():
        if typed := sys.stdin.readline().rstrip("\r\n"):
            return typed
        raise NoPasswordError("the password is read from standard input, which is empty")
    with _interruptible():
        try:
            typed, again = getpass.getpass("Password: "), getpass.getpass("The same again: ")
        except EOFError:
            raise NoPasswordError("no password was typed") from None
    if again != typed:
        raise NoPasswordError("the two are not the same")
    return typed


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C ends the command at once: an event loop's own handler would wait for the line that is being typed."""
    if threading.current_thread() is not threading.main_thread():  # which has no signals
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
