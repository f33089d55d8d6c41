"""`tokenhouse sessions list EMAIL_OR_ID` and `sessions end --user EMAIL | --all [--yes]`."""

import argparse
import json
import sys

from service.assembly.application import Application
from service.commands.accounts_named import NOBODY, address_of, named
from service.commands.command_line import WRONG_CALL
from service.commands.frame import DONE, FAILED, complain, on_application, say
from service.commands.progress import Progress

QUESTION = (
    "This ends every session of every account and every signing key; everybody has to log in again, and no command"
    " undoes it. Type yes to go on: "
)


def add_parsers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    sessions = commands.add_parser("sessions", help="list and end sessions").add_subparsers(
        required=True, metavar="ACTION"
    )
    about = "show the live sessions of an account, the oldest first"
    shown = sessions.add_parser("list", help=about, description=about)
    shown.add_argument("account", metavar="EMAIL_OR_ID")
    shown.add_argument("--json", action="store_true", help="one JSON object a line")
    shown.set_defaults(run=on_application(_list))
    about = "end sessions at once, on every instance; the accounts stay"
    end = sessions.add_parser("end", help=about, description=about)
    whose = end.add_mutually_exclusive_group(required=True)
    whose.add_argument("--user", metavar="EMAIL_OR_ID", help="those of one account")
    whose.add_argument("--all", action="store_true", help="everybody's; every signing key dies with them")
    end.add_argument("--json", action="store_true", help="one JSON object a line")
    end.add_argument("--yes", action="store_true", help="do not ask before everybody's are ended: for scripts")
    end.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    if asked.all and not asked.yes and (status := _ask()):
        return status
    return on_application(_end_all if asked.all else _end_of_user)(asked)


def _ask() -> int:
    """0 when a person at a terminal agrees, otherwise the exit status."""
    if not sys.stdin.isatty():
        complain("this logs everybody out; where nobody can be asked, add --yes")
        return WRONG_CALL
    sys.stderr.write(QUESTION)
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() == "yes":
        return DONE
    complain("nothing was ended")
    return FAILED


async def _list(application: Application, asked: argparse.Namespace) -> int:
    user = await named(application, asked.account)
    if user is None:
        return FAILED
    live = await application.administration.sessions(user.id)
    if not live:
        complain("no session is live")
    for one in live:
        facts = {
            "session_id": one.id,
            "started_at": one.started_at.isoformat(),
            "last_used_at": one.last_used_at.isoformat(),
            "network": one.source,
            "client": one.client_id,
            "user_agent": one.user_agent,
        }
        say(json.dumps(facts) if asked.json else "  ".join(filter(None, facts.values())))
    return DONE


async def _end_all(application: Application, asked: argparse.Namespace) -> int:
    progress = Progress("sessions end", None, application.ambient)
    ended = await application.mass_revocation.run(progress.at)
    progress.clear()
    if asked.json:
        say(json.dumps({"sessions": ended.sessions, "signing_keys": ended.keys}))
        return DONE
    keys = "every token that they have signed is refused, and everybody logs in again"
    say(f"ended: {ended.sessions} live sessions and {ended.keys} signing keys: {keys}")
    return DONE


async def _end_of_user(application: Application, asked: argparse.Namespace) -> int:
    count = await application.accounts.end_sessions(await address_of(application, asked.user))
    if count is None:
        complain(NOBODY)
        return FAILED
    say(json.dumps({"sessions": count}) if asked.json else f"ended: {count} sessions")
    return DONE
