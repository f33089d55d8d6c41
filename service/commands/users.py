"""`tokenhouse users disable|enable|factors|groups|claims EMAIL_OR_ID`."""

import argparse
import json

from service.assembly.application import Application
from service.commands import transfer, user_accounts
from service.commands.accounts_named import NOBODY, address_of, json_or_text
from service.commands.frame import DONE, FAILED, complain, on_application, say
from service.domain.accounts.account_claims import InvalidClaimsError
from service.domain.accounts.groups import SHAPE, TOO_MANY, TooManyGroupsError

JSON = "one JSON object a line"
ACCOUNT = "EMAIL_OR_ID"
USAGE = "%(prog)s [-h] [--json] EMAIL_OR_ID [CHANGE ...]"
FLAG = "--json"


def add_parsers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    actions = commands.add_parser(
        "users", help="show, open, change, disable and delete accounts, import and export them"
    ).add_subparsers(required=True, metavar="ACTION")
    user_accounts.add_parsers(actions)
    for action, about, act in (
        ("disable", "close an account and end its sessions", _disable),
        ("enable", "open a closed account again", _enable),
    ):
        one = actions.add_parser(action, help=about, description=about)
        one.add_argument("email", metavar=ACCOUNT)
        one.add_argument("--json", action="store_true", help=JSON)
        one.set_defaults(run=on_application(act))
    about = "show an account's second factors; with --remove, help somebody who is locked out"
    factors = actions.add_parser("factors", help=about, description=about)
    factors.add_argument("email", metavar=ACCOUNT)
    factors.add_argument("--remove", action="store_true", help="remove them all and end the account's sessions")
    factors.set_defaults(run=on_application(_factors))
    transfer.add_parsers(actions)
    about = "print an account's groups, after adding those with + and removing those with -"
    groups = actions.add_parser("groups", help=about, description=about, usage=USAGE)
    groups.add_argument("email", metavar=ACCOUNT)
    # The rest of the line as it is: argparse would take -staff for an option.
    groups.add_argument("changes", nargs=argparse.REMAINDER, metavar="CHANGE", help="+GROUP or -GROUP")
    groups.set_defaults(run=lambda asked: _change_groups(groups, asked))
    about = "print an account's claims, after setting NAME=VALUE and removing -NAME"
    claims = actions.add_parser("claims", help=about, description=about, usage=USAGE)
    claims.add_argument("email", metavar=ACCOUNT)
    written = "NAME=VALUE or -NAME; a VALUE that is no JSON is a text"
    claims.add_argument("changes", nargs=argparse.REMAINDER, metavar="CHANGE", help=written)
    claims.set_defaults(run=lambda asked: _change_claims(claims, asked))
    factors.add_argument("--json", action="store_true", help=JSON)
    groups.add_argument("--json", action="store_true", help=JSON)
    claims.add_argument("--json", action="store_true", help=f"{JSON}, as without it")


async def _disable(application: Application, asked: argparse.Namespace) -> int:
    return _answer(
        "disabled", asked, is_known=await application.accounts.disable(await address_of(application, asked.email))
    )


async def _enable(application: Application, asked: argparse.Namespace) -> int:
    return _answer(
        "enabled", asked, is_known=await application.accounts.enable(await address_of(application, asked.email))
    )


async def _factors(application: Application, asked: argparse.Namespace) -> int:
    email = await address_of(application, asked.email)
    held = await application.factors.of_account(email)
    if held is None:
        return _answer("", asked, is_known=False)
    if asked.remove:
        removed = await application.factors.remove_all(email)
        done = "removed; every session is over" if removed else "the account has no second factor"
        return _answer(done, asked, is_known=True)
    if asked.json:
        since = held.totp_since.isoformat() if held.totp_since else None
        say(json.dumps({"totp_since": since, "passkeys": held.passkeys, "recovery_codes": held.recovery_codes_left}))
        return DONE
    since = f"since {held.totp_since:%Y-%m-%d}" if held.totp_since else "none"
    say(f"authenticator app: {since}; passkeys: {held.passkeys}; recovery codes left: {held.recovery_codes_left}")
    return DONE


def _change_groups(parser: argparse.ArgumentParser, asked: argparse.Namespace) -> int:
    _take_flag(asked)
    for change in asked.changes:
        if change[:1] not in ("+", "-") or not SHAPE.fullmatch(change[1:]):
            parser.error(f"write +GROUP or -GROUP, with 1 to 64 of A-Z a-z 0-9 . _ : -; not {change!r}")
    added, removed = ([one[1:] for one in asked.changes if one[0] == sign] for sign in "+-")
    if both := {*added} & {*removed}:
        parser.error(f"{min(both)} is both added and removed")

    async def act(application: Application, asked: argparse.Namespace) -> int:
        try:
            changed = await application.groups.change(await address_of(application, asked.email), added, removed)
        except TooManyGroupsError:
            complain(f"{TOO_MANY}; nothing is changed")
            return FAILED
        if changed is None:
            complain(NOBODY)
            return FAILED
        if added and not changed.address_is_proved:
            complain("the address is not proved: whoever signed up may not own it")
        if asked.json:
            say(json.dumps({"email": asked.email, "groups": list(changed.names)}))
            return DONE
        for group in changed.names:
            say(group)
        return DONE

    return on_application(act, postgres_alone=True)(asked)


def _change_claims(parser: argparse.ArgumentParser, asked: argparse.Namespace) -> int:
    added: dict[str, object] = {}
    removed: list[str] = []
    _take_flag(asked)
    for change in asked.changes:
        name, sign, value = change.partition("=")
        if sign and not change.startswith("-"):
            added[name] = json_or_text(value)
        elif change.startswith("-") and not sign:
            removed.append(change[1:])
        else:
            parser.error(f"write NAME=VALUE or -NAME; not {change!r}")
    if both := {*added} & {*removed}:
        parser.error(f"{min(both)} is both set and removed")

    async def act(application: Application, asked: argparse.Namespace) -> int:
        email = await address_of(application, asked.email)
        try:
            claims = await application.account_claims.change(email, added, removed)
        except InvalidClaimsError as error:
            complain(f"{error}; nothing is changed")
            return FAILED
        if claims is None:
            complain(NOBODY)
            return FAILED
        if others := [name for name in added if name not in application.settings.tokens.claims]:
            complain(f"no id token carries {', '.join(others)}: tokens.claims names what id tokens carry")
        say(json.dumps(claims, ensure_ascii=False))
        return DONE

    return on_application(act, postgres_alone=True)(asked)


def _take_flag(asked: argparse.Namespace) -> None:
    """`--json` behind the account: neither a group nor a claim has such a name by intent."""
    if FLAG in asked.changes:
        asked.changes, asked.json = [one for one in asked.changes if one != FLAG], True


def _answer(done: str, asked: argparse.Namespace, *, is_known: bool) -> int:
    if asked.json:
        say(json.dumps({"email": asked.email, "is_known": is_known, **({"done": done} if is_known else {})}))
    elif is_known:
        say(done)
    else:
        complain(NOBODY)
    return DONE if is_known else FAILED
