"""`tokenhouse admins grant EMAIL`, `revoke EMAIL` and `list`: the people of the admin pages. Nothing else makes one."""

import argparse
import json
from collections.abc import Iterator

from service.assembly.application import Application
from service.commands.accounts_named import done, named
from service.commands.frame import DONE, FAILED, Act, complain, on_application, say
from service.commands.operator import operator
from service.domain.models import User

GRANTED = "may use the admin pages from now on"
REVOKED = "may not use the admin pages any more"


def add_parsers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    about = "say which people may use the admin pages"
    actions = commands.add_parser("admins", help=about).add_subparsers(required=True, metavar="ACTION")
    grant = _parser(actions, "grant", "let an account use the admin pages, with a second factor", _grant)
    revoke = _parser(actions, "revoke", "take that back: the next request is refused", _revoke)
    for one in (grant, revoke):
        one.add_argument("account", metavar="EMAIL_OR_ID")
    _parser(actions, "list", "show the people who may use the admin pages, the first one first", _list)


def _parser(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, about: str, act: Act
) -> argparse.ArgumentParser:
    one = actions.add_parser(name, help=about, description=about)
    one.add_argument("--json", action="store_true", help="one JSON object a line")
    one.set_defaults(run=on_application(act, postgres_alone=True))
    return one


async def _grant(application: Application, asked: argparse.Namespace) -> int:
    user = await named(application, asked.account)
    if user is None:
        return FAILED
    is_new = await application.admins.grant(user, operator())
    for hindrance in _hindrances(application, user):
        complain(hindrance)
    done(user, GRANTED if is_new else "is an admin already", as_json=asked.json)
    return DONE


async def _revoke(application: Application, asked: argparse.Namespace) -> int:
    user = await named(application, asked.account)
    if user is None:
        return FAILED
    was_admin = await application.admins.revoke(user, operator())
    done(user, REVOKED if was_admin else "is no admin", as_json=asked.json)
    return DONE


async def _list(application: Application, asked: argparse.Namespace) -> int:
    admins = await application.admins.all()
    for admin in admins:
        user = await application.backends.users.by_id(admin.user_id)
        if user is None:  # gone in between
            continue
        facts = {
            "id": str(user.id),
            "email": user.email,
            "granted_at": admin.granted_at.isoformat(),
            "granted_by": admin.granted_by,
            "second_factor": user.second_factor_since is not None,
            "disabled": user.disabled_at is not None,
        }
        say(json.dumps(facts) if asked.json else _line(facts))
    if not admins:
        complain("there is none")
    return DONE


def _line(facts: dict[str, object]) -> str:
    lacks = "" if facts["second_factor"] else "no second factor yet"
    columns = (facts["id"], facts["granted_at"], facts["email"], f"by {facts['granted_by']}")
    return "  ".join(str(one) for one in (*columns, lacks, "disabled" if facts["disabled"] else "") if one)


def _hindrances(application: Application, user: User) -> Iterator[str]:
    if not application.settings.pages.enabled:
        yield "pages.enabled is false: no instance with these settings has admin pages"
    if user.disabled_at:
        yield "the account is disabled"
    if user.email_verified_at is None:
        yield "the address is not proved: whoever signed up may not own it"
    if user.second_factor_since is None:
        yield "the account has no second factor: the admin pages ask for one"
