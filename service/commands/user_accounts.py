"""`tokenhouse users list|show|create|set-password|unlock|delete`."""

import argparse
import json
import re

from service.assembly.application import Application
from service.commands import asking
from service.commands.accounts_named import broken, done, facts, json_or_text, named
from service.commands.frame import DONE, FAILED, Act, complain, on_application, say
from service.commands.limits import add_source
from service.commands.operator import operator
from service.domain.accounts import account_claims
from service.domain.accounts.account_claims import InvalidClaimsError
from service.domain.administration.models import NewUser
from service.domain.administration.rules import require_good
from service.domain.models import User
from service.errors import EmailTakenError, InvalidFieldsError, NotConfiguredError, UserNotFoundError

DEFAULT_LIMIT, MOST = 100, 100_000
PAGE = 500
CHANGED = "the account was closed, or its password changed, in the meantime: nothing was done"


def add_parsers(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    listed = _parser(actions, "list", "show accounts in the order of their addresses", _list)
    listed.add_argument("prefix", metavar="PREFIX", nargs="?", default="", help="of the address: ada, ada@example.")
    listed.add_argument("--limit", metavar="N", type=_limit, default=DEFAULT_LIMIT, help="at most so many (100)")
    listed.add_argument("--after", metavar="EMAIL", default="", help="go on behind this one")
    _add_account(_parser(actions, "show", "show all that is known of an account but its secrets", _show))
    _add_create(_parser(actions, "create", "open an account, whatever signup.mode is", _create))
    about = "give an account another password, read from the terminal or from standard input, and end its sessions"
    set_password = _parser(actions, "set-password", about, _set_password)
    _add_account(set_password)
    asking.add_yes(set_password)
    about = "clear the limits on logins, codes and mails of an account, as after the failures of others"
    unlock = _parser(actions, "unlock", about, _unlock)
    _add_account(unlock)
    add_source(unlock)
    delete = _parser(actions, "delete", "delete an account, its sessions and its API keys", _delete)
    _add_account(delete)
    asking.add_yes(delete)


def _parser(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, about: str, act: Act
) -> argparse.ArgumentParser:
    one = actions.add_parser(name, help=about, description=about)
    one.add_argument("--json", action="store_true", help="one JSON object a line")
    one.set_defaults(run=on_application(act))
    return one


def _add_account(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("account", metavar="EMAIL_OR_ID")


def _add_create(create: argparse.ArgumentParser) -> None:
    create.add_argument("email", metavar="EMAIL")
    create.add_argument("--first-name", metavar="NAME", default="", help="of the user")
    create.add_argument("--last-name", metavar="NAME", default="", help="of the user")
    create.add_argument("--invite", action="store_true", help="set no password: a mail lets the user choose one")
    create.add_argument("--verified", action="store_true", help="the address is known to be the user's")
    create.add_argument(
        "--group",
        metavar="GROUP",
        action="append",
        default=[],
        help="a group of the account; may be given several times",
    )
    create.add_argument(
        "--claim",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="a claim, as of `users claims`; may be given several times",
    )


async def _list(application: Application, asked: argparse.Namespace) -> int:
    """Page by page, so that many take no more memory than few."""
    prefix, after, left = asked.prefix.lower(), asked.after.lower(), asked.limit
    is_last, has_any = False, False
    while left and not is_last:
        page = await application.administration.users(prefix, after, min(left, PAGE))
        for user in page.users:
            say(json.dumps(facts(user)) if asked.json else _line(user))
            after, has_any = user.canonical_email, True
        left, is_last = left - len(page.users), page.is_last
    if not has_any:
        complain("no account's address begins so" if prefix else "there is no account")
    if not is_last:
        complain(f"there are more; go on with --after {after}")
    return DONE


async def _show(application: Application, asked: argparse.Namespace) -> int:
    user = await named(application, asked.account)
    if user is None:
        return FAILED
    factors = await application.factors.of_account(user.canonical_email)
    sessions = await application.administration.sessions(user.id)
    shown = facts(user) | {"passkeys": factors.passkeys if factors else 0, "sessions": len(sessions)}
    if asked.json:
        say(json.dumps(shown))
        return DONE
    width = max(map(len, shown))
    for name, value in shown.items():
        say(f"{name:{width}}  {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")
    return DONE


async def _create(application: Application, asked: argparse.Namespace) -> int:
    try:
        new = NewUser(
            email=asked.email,
            first_name=asked.first_name.strip(),
            last_name=asked.last_name.strip(),
            password=None if asked.invite else asking.password(),
            email_verified=asked.verified,
            groups=tuple(asked.group),
            claims=account_claims.written(dict(map(_claim, asked.claim))),
            is_invited=asked.invite,
        )
        require_good(new)
        user = await application.administration.create(new, operator())
    except InvalidFieldsError as error:
        return broken(error)
    except (InvalidClaimsError, asking.NoPasswordError) as error:
        complain(str(error))
    except EmailTakenError:
        complain("this address has an account already")
    except NotConfiguredError:
        complain("TOKENHOUSE_MAIL__URL is empty, so nobody can be invited by mail")
    else:
        done(user, "created", as_json=asked.json)
        return DONE
    return FAILED


async def _set_password(application: Application, asked: argparse.Namespace) -> int:
    user = await named(application, asked.account)
    if user is None:
        return FAILED
    question = f"The password of {user.email} is replaced, and every session ends."
    if status := asking.agrees(question, is_asked=not asked.yes):
        return status
    try:
        await application.set_passwords.set(user, asking.password(), operator())
    except InvalidFieldsError as error:
        return broken(error)
    except asking.NoPasswordError as error:
        complain(str(error))
        return FAILED
    except UserNotFoundError:
        complain(CHANGED)
        return FAILED
    done(user, "the password is set; every session is over", as_json=asked.json)
    return DONE


async def _unlock(application: Application, asked: argparse.Namespace) -> int:
    user = await named(application, asked.account)
    if user is None:
        return FAILED
    count = await application.limits.clear(user, asked.source or "", operator())
    done(user, f"cleared: {count} limits", as_json=asked.json, cleared=count)
    return DONE


async def _delete(application: Application, asked: argparse.Namespace) -> int:
    user = await named(application, asked.account)
    if user is None:
        return FAILED
    question = f"The account of {user.email} ({user.id}) is deleted, with all that it has; no command undoes it."
    if status := asking.agrees(question, is_asked=not asked.yes):
        return status
    try:
        await application.administration.delete(user.id, operator())
    except UserNotFoundError:
        complain("it is gone already")
        return FAILED
    done(user, "deleted", as_json=asked.json)
    return DONE


def _line(user: User) -> str:
    states = {
        "disabled": user.disabled_at is not None,
        "not verified": user.email_verified_at is None,
        "second factor": user.second_factor_since is not None,
    }
    state = ", ".join(name for name, holds in states.items() if holds)
    columns = (str(user.id), f"{user.created_at:%Y-%m-%d}", user.email, state, " ".join(user.groups))
    return "  ".join(column for column in columns if column)


def _claim(text: str) -> tuple[str, object]:
    name, _, value = text.partition("=")
    return name, json_or_text(value)


def _limit(text: str) -> int:
    if re.fullmatch(r"[0-9]{1,9}", text) and 1 <= int(text) <= MOST:
        return int(text)
    raise argparse.ArgumentTypeError(f"write a whole number from 1 to {MOST}")
