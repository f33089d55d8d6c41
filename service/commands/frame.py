"""Shared by the commands on an installation: settings, application, outages, exit status, output."""

import argparse
import json
import sys
from collections.abc import Awaitable, Callable

from service.ambient import Ambient
from service.assembly.application import Application, build
from service.assembly.backends import OUTAGES
from service.commands import event_loop
from service.commands.operator import operator
from service.domain.events.security_events import run_by
from service.domain.operations.key_compromise import NotDeniedYetError
from service.domain.sessions.ports import ForgottenError
from service.errors import MisfitError, UnavailableError
from service.settings import Settings, load
from service.stores import failures

DONE, FAILED, CONFIGURATION = 0, 1, 78  # exit statuses; the last is EX_CONFIG of sysexits.h
NOT_NOW: tuple[type[Exception], ...] = (*OUTAGES, ForgottenError, UnavailableError, NotDeniedYetError)

Run = Callable[[argparse.Namespace], int]
Act = Callable[[Application, argparse.Namespace], Awaitable[int]]


def on_application(
    act: Act, *, postgres_alone: bool = False, require: Callable[[Settings], None] = lambda _: None
) -> Run:
    """A command that runs `act` on the opened application and returns its exit status.

    With `postgres_alone` it works during a Redis outage. `require` may refuse settings (ConfigurationError) before
    anything is opened. Security events of the command name its operator.
    """

    def run(asked: argparse.Namespace) -> int:
        settings = load(asked.config)
        settings.require_stores_and_secret()
        require(settings)
        try:
            with event_loop.runner(settings.server.event_loop) as loop:
                return loop.run(_open_and_act(build(settings, Ambient()), act, asked, postgres_alone=postgres_alone))
        except NOT_NOW as error:
            complain(no_answer(error))
            return FAILED

    return run


async def _open_and_act(application: Application, act: Act, asked: argparse.Namespace, *, postgres_alone: bool) -> int:
    run_by(operator())
    try:
        await (application.open_postgres() if postgres_alone else application.open())
        return await act(application, asked)
    finally:
        await application.close()


def no_answer(error: Exception) -> str:
    """The message of a command that an outage interrupted."""
    if isinstance(error, MisfitError):
        return "the clock of this machine, or of Postgres, is wrong (see the line above): set it, then run this again"
    if isinstance(error, UnavailableError):
        store = "a store"
    elif isinstance(error, (ForgottenError, NotDeniedYetError)):
        store = "Redis"
    else:
        store = {"redis": "Redis", "postgres": "Postgres"}[failures.store_of(error)]
    return f"{store} does not answer ({type(error).__name__}); run this again when it does"


def say(text: str, end: str = "\n") -> None:
    """The command's result, on standard output."""
    print(printable(text), end=end, flush=True)  # noqa: T201 - the one place where commands print


def complain(text: str) -> None:
    """A message to the user, on standard error."""
    print(f"tokenhouse: {printable(text)}", file=sys.stderr)  # noqa: T201 - as above


def printable(text: str) -> str:
    """What others said of themselves, or in a file, must not command the terminal. JSON stays the JSON it is."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in "\n\t" else json.dumps(one)[1:-1] for one in text)
