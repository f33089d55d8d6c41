"""`tokenhouse users disable|enable EMAIL`."""

import argparse
import asyncio
import sys

from service.ambient import Ambient
from service.commands.frame import no_answer, opened
from service.domain.sessions.ports import ForgottenError
from service.errors import UnavailableError
from service.settings import load
from service.wiring import House, wire


def add_parsers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    actions = commands.add_parser("users", help="disable or enable an account").add_subparsers(
        required=True, metavar="ACTION"
    )
    for action, about in (("disable", "close an account and end its sessions"), ("enable", "open it again")):
        one = actions.add_parser(action, help=about, description=about)
        one.add_argument("email", metavar="EMAIL")
        one.set_defaults(run=run, action=action)


def run(asked: argparse.Namespace) -> int:
    settings = load(asked.config)
    settings.require_stores_and_secret()
    house = wire(settings, Ambient())
    not_now: tuple[type[Exception], ...] = (*house.services.outages, ForgottenError, UnavailableError)
    try:
        done = asyncio.run(_act(house, asked.action, asked.email))
    except not_now as error:
        print(f"tokenhouse: {no_answer(error)}", file=sys.stderr)  # noqa: T201 - the command's answer
        return 1
    print(f"{asked.action}d" if done else "no account has this address")  # noqa: T201 - the command's answer
    return 0 if done else 1


async def _act(house: House, action: str, email: str) -> bool:
    accounts = house.services.accounts
    async with opened(house):
        return await (accounts.disable(email) if action == "disable" else accounts.enable(email))
