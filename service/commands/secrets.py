"""`tokenhouse secrets rotate`."""

import argparse
import asyncio
import sys

from service.ambient import Ambient
from service.commands.frame import opened
from service.domain.operations.resealing import Resealed
from service.settings import load
from service.wiring import House, wire


def add_parsers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    secrets = commands.add_parser("secrets", help="seal with a new TOKENHOUSE_SECRET_KEY").add_subparsers(
        required=True, metavar="ACTION"
    )
    about = "seal all keys with the current secret; after it the previous ones may go"
    secrets.add_parser("rotate", help=about, description=about).set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    settings = load(asked.config)
    settings.require_stores_and_secret()
    house = wire(settings, Ambient())
    try:
        done = asyncio.run(_reseal(house))
    except house.services.outages as error:
        print(f"tokenhouse: Postgres does not answer ({type(error).__name__}); run this again", file=sys.stderr)  # noqa: T201 - the command's word to its user
        return 1
    print(f"sealed anew: {done.signing_keys} signing keys, {done.api_keys} API keys")  # noqa: T201 - the command's answer
    if done.damaged:
        names = ", ".join(sorted(done.damaged))
        print(f"tokenhouse: no secret that is set opens these; keep the previous ones: {names}", file=sys.stderr)  # noqa: T201 - the command's word to its user
    return 1 if done.damaged else 0


async def _reseal(house: House) -> Resealed:
    async with opened(house, postgres_alone=True):
        return await house.resealer.run()
