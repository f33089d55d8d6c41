"""`tokenhouse users disable|enable EMAIL`."""

import argparse

from service.assembly.application import Application
from service.commands.frame import DONE, FAILED, on_application, say


def add_parsers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    actions = commands.add_parser("users", help="disable or enable an account").add_subparsers(
        required=True, metavar="ACTION"
    )
    for action, about, act in (
        ("disable", "close an account and end its sessions", _disable),
        ("enable", "open a closed account again", _enable),
    ):
        one = actions.add_parser(action, help=about, description=about)
        one.add_argument("email", metavar="EMAIL")
        one.set_defaults(run=on_application(act))


async def _disable(application: Application, asked: argparse.Namespace) -> int:
    return _answer("disabled", is_known=await application.accounts.disable(asked.email))


async def _enable(application: Application, asked: argparse.Namespace) -> int:
    return _answer("enabled", is_known=await application.accounts.enable(asked.email))


def _answer(done: str, *, is_known: bool) -> int:
    say(done if is_known else "no account has this address")
    return DONE if is_known else FAILED
