"""The `tokenhouse` command."""

import argparse
import sys

import shtab

from service.commands import (
    admin_tokens,
    admins,
    audit,
    clients,
    dev,
    dev_instance,
    doctor,
    invitations,
    keys,
    limits,
    mail,
    migrate,
    secrets,
    seed,
    serve,
    sessions,
    srp,
    users,
    webhooks,
)
from service.commands.command_line import CommandLine
from service.commands.frame import CONFIGURATION, DONE, complain, say
from service.operator_errors import ConfigurationError
from service.output import OUTPUT
from service.telemetry import logs


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0 on success, 1 on failure, 2 for wrong usage, 78 for a bad configuration, 130 on interrupt."""
    parser = command_line()
    if not (arguments if arguments is not None else sys.argv[1:]):
        parser.print_help()
        return 0
    asked = parser.parse_args(arguments)
    try:
        logs.for_commands()
        if asked.on_dev and asked.run is not dev.run:
            dev_instance.take_its_settings()
        return int(asked.run(asked))
    except ConfigurationError as error:
        complain(str(error))
        return CONFIGURATION
    except KeyboardInterrupt:
        return 130
    finally:
        OUTPUT.settle()


def command_line() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser: argparse.ArgumentParser = CommandLine(
        prog="tokenhouse", description="A self-hosted token authentication service."
    )
    parser.set_defaults(config=None, on_dev=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve.add_parsers(commands)
    about = "serve on an embedded Postgres and Redis, data in .tokenhouse/; with a COMMAND: run it on what serves there"
    within = commands.add_parser("dev", help=about, description=about)
    within.set_defaults(run=dev.run, on_dev=True)
    _add_administration(within.add_subparsers(metavar="COMMAND"))
    _add_administration(commands)
    about = "print the completion script of a shell"
    completion = commands.add_parser("completion", help=about, description=about)
    completion.add_argument(
        "shell", metavar="SHELL", choices=shtab.SUPPORTED_SHELLS, help=", ".join(shtab.SUPPORTED_SHELLS)
    )
    completion.set_defaults(run=_complete)
    return parser


def _add_administration(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The administration commands, for an installation or for `dev`."""
    about = "bring the database schema up to date"
    commands.add_parser("migrate", help=about, description=about).set_defaults(run=migrate.run)
    for of_subject in (
        *(doctor, users, invitations, sessions, limits, seed),  # accounts and their owners
        *(audit, admins, admin_tokens, clients, webhooks, mail),  # who else is told, or may ask
        *(keys, secrets, srp),
    ):
        of_subject.add_parsers(commands)


def _complete(asked: argparse.Namespace) -> int:
    say(shtab.complete(command_line(), shell=asked.shell))
    return DONE


if __name__ == "__main__":
    sys.exit(main())
