"""`tokenhouse users disable|enable|factors EMAIL`."""

import argparse

from service.assembly.application import Application
from service.commands.frame import DONE, FAILED, on_application, say


def add_parsers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    actions = commands.add_parser(
        "users", help="disable or enable an account, or remove its second factors"
    ).add_subparsers(required=True, metavar="ACTION")
    for action, about, act in (
        ("disable", "close an account and end its sessions", _disable),
        ("enable", "open a closed account again", _enable),
    ):
        one = actions.add_parser(action, help=about, description=about)
        one.add_argument("email", metavar="EMAIL")
        one.set_defaults(run=on_application(act))
    about = "show an account's second factors; with --remove, help somebody who is locked out"
    factors = actions.add_parser("factors", help=about, description=about)
    factors.add_argument("email", metavar="EMAIL")
    factors.add_argument("--remove", action="store_true", help="remove them all and end the account's sessions")
    factors.set_defaults(run=on_application(_factors))


async def _disable(application: Application, asked: argparse.Namespace) -> int:
    return _answer("disabled", is_known=await application.accounts.disable(asked.email))


async def _enable(application: Application, asked: argparse.Namespace) -> int:
    return _answer("enabled", is_known=await application.accounts.enable(asked.email))


async def _factors(application: Application, asked: argparse.Namespace) -> int:
    held = await application.factors.of_account(asked.email)
    if held is None:
        return _answer("", is_known=False)
    if asked.remove:
        removed = await application.factors.remove_all(asked.email)
        say("removed; every session is over" if removed else "the account has no second factor")
        return DONE
    since = f"since {held.totp_since:%Y-%m-%d}" if held.totp_since else "none"
    say(f"authenticator app: {since}; passkeys: {held.passkeys}; recovery codes left: {held.recovery_codes_left}")
    return DONE


def _answer(done: str, *, is_known: bool) -> int:
    say(done if is_known else "no account has this address")
    return DONE if is_known else FAILED
