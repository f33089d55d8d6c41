"""`tokenhouse sessions end --user EMAIL | --all`."""

import argparse
import asyncio
import sys

from service.ambient import Ambient
from service.commands.opened import opened
from service.domain.key_life import NotDeniedYetError
from service.domain.ports import ForgottenError
from service.errors import UnavailableError
from service.settings import load
from service.wiring import House, wire


def add_parsers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    sessions = commands.add_parser("sessions", help="end sessions").add_subparsers(required=True, metavar="ACTION")
    about = "end sessions at once, on every instance; the accounts stay"
    end = sessions.add_parser("end", help=about, description=about)
    whose = end.add_mutually_exclusive_group(required=True)
    whose.add_argument("--user", metavar="EMAIL", help="those of one account")
    whose.add_argument("--all", action="store_true", help="everybody's; every signing key dies with them")
    end.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    settings = load(asked.config)
    settings.require_stores_and_secret()
    house = wire(settings, Ambient())
    not_now: tuple[type[Exception], ...] = (
        *house.services.outages, ForgottenError, UnavailableError, NotDeniedYetError,
    )  # fmt: skip
    try:
        count = asyncio.run(_end(house, asked.user))
    except not_now as error:
        print(f"tokenhouse: a store does not answer ({type(error).__name__}); run this again", file=sys.stderr)  # noqa: T201 - the command's word to its user
        return 1
    print("no account has this address" if count is None else f"ended: {count} sessions")  # noqa: T201 - the command's answer
    return 1 if count is None else 0


async def _end(house: House, email: str | None) -> int | None:
    async with opened(house):
        if email is not None:
            return await house.services.accounts.end_sessions(email)
        return await house.mass_ending.run()
