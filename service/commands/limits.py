"""`tokenhouse limits show|clear [EMAIL_OR_ID] [--source ADDRESS]`."""

import argparse
import json

from service.assembly.application import Application
from service.commands.accounts_named import named
from service.commands.command_line import WRONG_CALL
from service.commands.frame import DONE, FAILED, complain, on_application, say
from service.commands.operator import operator
from service.domain.limits.standings import LimitStanding
from service.networks import parse, spelled

WHOSE = "name an account, a source with --source, or both"


def add_parsers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    about = "show or clear the rate limits of an account or a source"
    actions = commands.add_parser("limits", help=about).add_subparsers(required=True, metavar="ACTION")
    for action, about, act in (
        ("show", "show how full the limits of an account or a source are; empty ones are left out", _show),
        ("clear", "empty the limits of an account or a source", _clear),
    ):
        one = actions.add_parser(action, help=about, description=about)
        one.add_argument("account", metavar="EMAIL_OR_ID", nargs="?", default="")
        add_source(one)
        one.add_argument("--json", action="store_true", help="one JSON object a line")
        one.set_defaults(run=on_application(act))


def add_source(parser: argparse.ArgumentParser) -> None:
    about = "the address of a client: its limits, and with an account those of the account from there"
    parser.add_argument("--source", metavar="ADDRESS", type=_source, help=about)


async def _show(application: Application, asked: argparse.Namespace) -> int:
    if not (asked.account or asked.source):
        complain(WHOSE)
        return WRONG_CALL
    user = await named(application, asked.account) if asked.account else None
    if asked.account and user is None:
        return FAILED
    found = await application.limits.of(user, asked.source or "")
    for one in found:
        say(json.dumps(_facts(one)) if asked.json else _line(one))
    if not found:
        complain("every limit is empty")
    return DONE


async def _clear(application: Application, asked: argparse.Namespace) -> int:
    if not (asked.account or asked.source):
        complain(WHOSE)
        return WRONG_CALL
    user = await named(application, asked.account) if asked.account else None
    if asked.account and user is None:
        return FAILED
    count = await application.limits.clear(user, asked.source or "", operator())
    say(json.dumps({"cleared": count}) if asked.json else f"cleared: {count} limits")
    return DONE


def _facts(one: LimitStanding) -> dict[str, object]:
    return {
        "limit": one.row.name,
        "used": one.used,
        "quota": one.row.charge.rate.quota,
        "is_full": one.is_full,
        "empty_in_seconds": round(one.empty_in.total_seconds()),
    }


def _line(one: LimitStanding) -> str:
    full = ", full" if one.is_full else ""
    seconds = round(one.empty_in.total_seconds())
    return f"{one.row.name}  {one.used} of {one.row.charge.rate.quota}{full}, empty in {seconds} s"


def _source(text: str) -> str:
    if address := parse(text):
        return spelled(address)
    raise argparse.ArgumentTypeError("write an IP address")
