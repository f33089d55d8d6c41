"""`tokenhouse invitations new [EMAIL] [--mail] [--expires 7d]`, `invitations list`, `invitations send|end ID`."""

import argparse
import json
from datetime import timedelta
from uuid import UUID

from service.assembly.application import Application
from service.commands.command_line import WRONG_CALL
from service.commands.frame import DONE, FAILED, complain, on_application, say
from service.domain.accounts.invitations import LONGEST
from service.domain.accounts.models import Invitation
from service.domain.credentials import emails
from service.errors import EmailTakenError, NotConfiguredError
from service.settings.values import parse_duration

DEFAULT_LIFETIME = timedelta(days=7)
MOST_SHOWN = 1_000
ON_ITS_WAY = "a mail is on its way to {}"
NO_MAIL = "TOKENHOUSE_MAIL__URL is empty, so nothing can be mailed"
MODES = {
    "open": "signup.mode is open: everybody can sign up without an invitation too",
    "closed": "signup.mode is closed: until that changes nobody can sign up, invited or not",
}


def add_parsers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    actions = commands.add_parser("invitations", help="invite people to sign up, where signup.mode asks for it")
    within = actions.add_subparsers(required=True, metavar="ACTION")
    about = "make an invitation that is good for one sign-up, and print its link, which is shown once"
    new = within.add_parser("new", help=about, description=about)
    new.add_argument("email", metavar="EMAIL", nargs="?", default="", help="the only address that may use it; else any")
    new.add_argument("--mail", action="store_true", help="mail the link instead: to use it proves the address")
    new.add_argument("--expires", metavar="SPAN", type=_lifetime, default=DEFAULT_LIFETIME, help="24h, 30d (7d)")
    new.set_defaults(run=on_application(_new, postgres_alone=True))
    about = f"show the invitations that are good, the newest first, at most {MOST_SHOWN}"
    shown = within.add_parser("list", help=about, description=about)
    shown.set_defaults(run=on_application(_list, postgres_alone=True))
    about = "mail an invitation again, with the same link, to the one whom it was mailed to"
    again = within.add_parser("send", help=about, description=about)
    again.set_defaults(run=on_application(_send, postgres_alone=True))
    about = "end an invitation: its link is good no more"
    end = within.add_parser("end", help=about, description=about)
    end.set_defaults(run=on_application(_end, postgres_alone=True))
    for one in (again, end):
        one.add_argument("id", metavar="ID", type=_id, help="as `invitations list` shows it")
    for one in (new, shown, again, end):
        one.add_argument("--json", action="store_true", help="one JSON object a line")


async def _new(application: Application, asked: argparse.Namespace) -> int:
    if asked.mail and not asked.email:
        complain("a mail needs an address: invitations new EMAIL --mail")
        return WRONG_CALL
    try:
        invitation = await application.invitations.invite(asked.email, asked.expires, by_mail=asked.mail)
    except emails.InvalidEmailError:
        complain("this is no e-mail address")
        return FAILED
    except EmailTakenError:
        complain("this address has an account already")
        return FAILED
    except NotConfiguredError:
        complain(f"{NO_MAIL}; without --mail the link is printed")
        return FAILED
    if note := MODES.get(application.settings.signup.mode):
        complain(note)
    link = "" if asked.mail else application.invitations.links.link(invitation.id)
    if asked.json:
        token = "" if asked.mail else application.invitations.links.token(invitation.id)
        say(json.dumps(_facts(invitation) | ({"link": link, "invitation": token} if link else {})))
    else:
        say(link or ON_ITS_WAY.format(invitation.email))
    return DONE


async def _list(application: Application, asked: argparse.Namespace) -> int:
    found = await application.invitations.latest(MOST_SHOWN)
    for one in found:
        say(json.dumps(_facts(one)) if asked.json else _line(one))
    if not found:
        complain("there is none")
    return DONE


async def _send(application: Application, asked: argparse.Namespace) -> int:
    try:
        invitation = await application.invitations.send_again(asked.id)
    except NotConfiguredError:
        complain(NO_MAIL)
        return FAILED
    if invitation is None:
        complain(
            "no mailed invitation that is good has this id; `tokenhouse invitations list` shows those that are good"
        )
        return FAILED
    say(json.dumps(_facts(invitation)) if asked.json else ON_ITS_WAY.format(invitation.email))
    return DONE


async def _end(application: Application, asked: argparse.Namespace) -> int:
    is_ended = await application.invitations.end(asked.id)
    if asked.json:
        say(json.dumps({"id": str(asked.id), "ended": is_ended}))
    elif is_ended:
        say("ended")
    else:
        complain("there is no such invitation: it was used, ended, or has expired long ago")
    return DONE if is_ended else FAILED


def _facts(one: Invitation) -> dict[str, str | bool]:
    return {
        "id": str(one.id),
        "for": one.email or "anybody",
        "mailed": one.is_mailed,
        "created_at": one.created_at.isoformat(),
        "expires_at": one.expires_at.isoformat(),
    }


def _line(one: Invitation) -> str:
    mailed = ("mailed",) if one.is_mailed else ()
    return "  ".join((str(one.id), one.expires_at.isoformat(), one.email or "anybody", *mailed))


def _lifetime(text: str) -> timedelta:
    try:
        span = parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not isinstance(span, timedelta) or not timedelta(0) < span <= LONGEST:
        raise argparse.ArgumentTypeError(f"write a span of at most {LONGEST.days}d, such as 24h or 7d")
    return span


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise argparse.ArgumentTypeError("this is no id of an invitation") from None
