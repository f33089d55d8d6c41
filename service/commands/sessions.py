"""`tokenhouse sessions end --user EMAIL | --all [--yes]`."""

import argparse
import asyncio
import sys

from service.ambient import Ambient
from service.commands.frame import no_answer, opened
from service.domain.operations.key_compromise import NotDeniedYetError
from service.domain.sessions.ports import ForgottenError
from service.errors import UnavailableError
from service.settings import load
from service.wiring import House, wire

WRONG_CALL = 2
QUESTION = (
    "This ends every session of every account and every signing key; everybody has to log in again, and no command"
    " undoes it. Type yes to go on: "
)


def add_parsers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    sessions = commands.add_parser("sessions", help="end sessions").add_subparsers(required=True, metavar="ACTION")
    about = "end sessions at once, on every instance; the accounts stay"
    end = sessions.add_parser("end", help=about, description=about)
    whose = end.add_mutually_exclusive_group(required=True)
    whose.add_argument("--user", metavar="EMAIL", help="those of one account")
    whose.add_argument("--all", action="store_true", help="everybody's; every signing key dies with them")
    end.add_argument("--yes", action="store_true", help="do not ask before everybody's are ended: for scripts")
    end.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    if asked.all and not asked.yes and (status := _ask()):
        return status
    settings = load(asked.config)
    settings.require_stores_and_secret()
    house = wire(settings, Ambient())
    not_now: tuple[type[Exception], ...] = (
        *house.services.outages, ForgottenError, UnavailableError, NotDeniedYetError,
    )  # fmt: skip
    try:
        said = asyncio.run(_end(house, asked.user))
    except not_now as error:
        print(f"tokenhouse: {no_answer(error)}", file=sys.stderr)  # noqa: T201 - the command's word to its user
        return 1
    print(said or "no account has this address")  # noqa: T201 - the command's answer
    return 0 if said else 1


def _ask() -> int:
    """0 when a person at a terminal agrees, otherwise the exit status."""
    if not sys.stdin.isatty():
        print("tokenhouse: this logs everybody out; where nobody can be asked, add --yes", file=sys.stderr)  # noqa: T201 - the command's word to its user
        return WRONG_CALL
    print(QUESTION, end="", file=sys.stderr, flush=True)  # noqa: T201 - as above
    if sys.stdin.readline().strip().lower() == "yes":
        return 0
    print("nothing was ended", file=sys.stderr)  # noqa: T201 - as above
    return 1


async def _end(house: House, email: str | None) -> str:
    """What was ended, empty when there is no such account."""
    async with opened(house):
        if email is None:
            ended = await house.mass_ending.run()
            keys = "every token that they have signed is refused, and everybody logs in again"
            return f"ended: {ended.sessions} live sessions and {ended.keys} signing keys: {keys}"
        count = await house.services.accounts.end_sessions(email)
        return "" if count is None else f"ended: {count} sessions"
