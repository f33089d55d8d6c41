"""`tokenhouse users disable|enable|factors EMAIL`, and `tokenhouse users groups EMAIL +GROUP -GROUP`."""

import argparse

from service.assembly.application import Application
from service.commands import transfer
from service.commands.frame import DONE, FAILED, complain, on_application, say
from service.domain.accounts.groups import MOST, SHAPE, TooManyGroupsError


def add_parsers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    actions = commands.add_parser(
        "users", help="import or export accounts, disable or enable one, change its groups, remove its second factors"
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
    transfer.add_parsers(actions)
    about = "print an account's groups, after adding those with + and removing those with -"
    groups = actions.add_parser("groups", help=about, description=about, usage="%(prog)s [-h] EMAIL [CHANGE ...]")
    groups.add_argument("email", metavar="EMAIL")
    # The rest of the line as it is: argparse would take -staff for an option.
    groups.add_argument("changes", nargs=argparse.REMAINDER, metavar="CHANGE", help="+GROUP or -GROUP, after EMAIL")
    groups.set_defaults(run=lambda asked: _change_groups(groups, asked))


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


def _change_groups(parser: argparse.ArgumentParser, asked: argparse.Namespace) -> int:
    for change in asked.changes:
        if change[:1] not in ("+", "-") or not SHAPE.fullmatch(change[1:]):
            parser.error(f"write +GROUP or -GROUP, with 1 to 64 of A-Z a-z 0-9 . _ : -; not {change!r}")
    added, removed = ([one[1:] for one in asked.changes if one[0] == sign] for sign in "+-")
    if both := {*added} & {*removed}:
        parser.error(f"{min(both)} is both added and removed")

    async def act(application: Application, asked: argparse.Namespace) -> int:
        try:
            changed = await application.groups.change(asked.email, added, removed)
        except TooManyGroupsError:
            complain(f"an account has at most {MOST} groups; nothing is changed")
            return FAILED
        if changed is None:
            say("no account has this address")
            return FAILED
        if added and not changed.address_is_proved:
            complain("the address is not proved: whoever signed up may not own it")
        for group in changed.names:
            say(group)
        return DONE

    return on_application(act, postgres_alone=True)(asked)


def _answer(done: str, *, is_known: bool) -> int:
    say(done if is_known else "no account has this address")
    return DONE if is_known else FAILED
