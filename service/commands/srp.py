"""`tokenhouse srp remove`."""

import argparse

from service.assembly.application import Application
from service.commands.frame import DONE, complain, on_application, say


def add_parsers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    actions = commands.add_parser("srp", help="remove what logins by SRP need").add_subparsers(
        required=True, metavar="ACTION"
    )
    about = "remove the verifiers of all passwords, when cognito.srp is off again; it may be run again at any time"
    remove = actions.add_parser("remove", help=about, description=about)
    remove.set_defaults(run=on_application(_remove, postgres_alone=True))


async def _remove(application: Application, _: argparse.Namespace) -> int:
    verifiers = application.srp.verifiers
    if verifiers.is_on:
        complain("cognito.srp is on: every login with the password makes a verifier again")
    say(f"removed: {await verifiers.remove_all()} verifiers of passwords")
    return DONE
