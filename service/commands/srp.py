"""`tokenhouse srp remove`."""

import argparse

from service.assembly.application import Application
from service.commands.frame import DONE, FAILED, complain, on_application, say


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
        complain("cognito.srp is on, and clients that know no login but SRP would be refused: set it to false first")
        return FAILED
    say(f"removed: {await verifiers.remove_all()} verifiers of passwords")
    return DONE
