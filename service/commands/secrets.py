"""`tokenhouse secrets rotate`."""

import argparse

from service.assembly.application import Application
from service.commands.frame import DONE, FAILED, complain, on_application, say
from service.commands.progress import IDS, Progress


def add_parsers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    secrets = commands.add_parser("secrets", help="seal with a new TOKENHOUSE_SECRET_KEY").add_subparsers(
        required=True, metavar="ACTION"
    )
    about = "seal all keys with the current secret; after it the previous ones may go"
    rotate = secrets.add_parser("rotate", help=about, description=about)
    rotate.set_defaults(run=on_application(_reseal, postgres_alone=True))


async def _reseal(application: Application, _: argparse.Namespace) -> int:
    progress = Progress("secrets rotate", IDS, application.ambient)
    done = await application.resealer.run(lambda what, place: progress.at(place.int, f"secrets rotate: {what}"))
    progress.clear()
    say(
        f"sealed anew: {done.signing_keys} signing keys, {done.api_keys} API keys, {done.totp_secrets} TOTP secrets,"
        f" {done.verifiers} verifiers of passwords"
    )
    if not done.damaged:
        return DONE
    complain(f"no secret that is set opens these; keep the previous ones: {', '.join(sorted(done.damaged))}")
    return FAILED
