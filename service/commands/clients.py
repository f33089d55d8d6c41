"""`tokenhouse clients new NAME`: a credential for a resource server."""

import argparse
import re

from service.ambient import Ambient
from service.commands.frame import DONE, say
from service.domain.resource_servers.clients import Client
from service.operator_errors import ConfigurationError

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
ANSWER = """\
{name} authenticates with HTTP Basic; this secret is shown once:

  {secret}

The service is told its digest, in config.yaml or in the environment (comma-separated when there are several):

  introspection: {{clients: {{{name}: {digest}}}}}
  TOKENHOUSE_INTROSPECTION__CLIENTS={name}:{digest}"""


def add_parsers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    about = "make a credential for a resource server"
    clients = commands.add_parser("clients", help=about).add_subparsers(required=True, metavar="ACTION")
    new = clients.add_parser("new", help=about, description=about)
    new.add_argument("name", metavar="NAME")
    new.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    if not NAME.fullmatch(asked.name):
        raise ConfigurationError("a client's name is 1 to 64 of a-z, 0-9, dot, hyphen and underscore")
    client, secret = Client.make(asked.name, Ambient())
    say(ANSWER.format(name=client.name, secret=secret, digest=client.digest))
    return DONE
