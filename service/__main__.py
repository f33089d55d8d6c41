"""The `tokenhouse` command."""

import argparse
import asyncio
import sys
from pathlib import Path

from service import logs
from service.commands import accounts, audit, clients, dev, doctor, keys, migrate, secrets, serve, sessions
from service.errors import ConfigurationError
from service.output import OUTPUT
from service.settings import load

CONFIGURATION = 78  # EX_CONFIG of sysexits.h


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0 when done, 1 when it failed, 2 for a wrong call, 78 for a configuration that cannot work."""
    asked = _parser().parse_args(arguments)
    try:
        logs.for_commands()
        return int(asked.run(asked))
    except ConfigurationError as error:
        print(f"tokenhouse: {error}", file=sys.stderr)  # noqa: T201 - the command's own word to its user
        return CONFIGURATION
    except KeyboardInterrupt:
        return 130
    finally:
        OUTPUT.settle()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tokenhouse", description="A self-hosted token authentication service.")
    parser.add_argument("--config", type=Path, help="the configuration file (also TOKENHOUSE_CONFIG)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, about in (
        ("serve", _serve, "serve on the Postgres and Redis of the settings"),
        ("dev", dev.run, "serve on an embedded Postgres and Redis, data kept in .tokenhouse/"),
        ("migrate", migrate.run, "bring the database schema up to date"),
    ):
        commands.add_parser(name, help=about, description=about).set_defaults(run=run)
    users = commands.add_parser("users", help="disable or enable an account").add_subparsers(
        required=True, metavar="ACTION"
    )
    for action, about in (("disable", "close an account and end its sessions"), ("enable", "open it again")):
        one = users.add_parser(action, help=about, description=about)
        one.add_argument("email", metavar="EMAIL")
        one.set_defaults(run=accounts.run, action=action)
    sessions.add_parsers(commands)
    audit.add_parsers(commands)
    doctor.add_parsers(commands)
    keys.add_parsers(commands)
    clients.add_parsers(commands)
    secrets.add_parsers(commands)
    return parser


def _serve(asked: argparse.Namespace) -> int:
    settings = load(asked.config)
    logs.configure(settings.logging)
    asyncio.run(serve.serve(settings, reread=lambda: load(asked.config)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
