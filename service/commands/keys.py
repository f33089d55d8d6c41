"""`tokenhouse keys list`, `keys rotate [--now]`, `keys retire KID [--now]`."""

import argparse
from datetime import datetime

from service.assembly.application import Application
from service.commands.frame import DONE, FAILED, complain, on_application, say
from service.domain.operations.key_compromise import NotDeniedYetError
from service.domain.signing.key_rotation import NoSuchKeyError
from service.domain.signing.key_states import KeyState

UNKNOWN = "no key has this KID; `tokenhouse keys list` shows them all"
NOT_DENIED_YET = (
    "the key is revoked, but Redis does not answer: instances refuse its tokens within a minute, when they read the"
    " keys. Run this again to have them refused at once"
)


def add_parsers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    keys = commands.add_parser("keys", help="list, rotate or retire the signing keys").add_subparsers(
        required=True, metavar="ACTION"
    )
    about = "show every signing key with its state"
    list_parser = keys.add_parser("list", help=about, description=about)
    list_parser.set_defaults(run=on_application(list_all, postgres_alone=True))
    about = "let the next key sign, as soon as every verifier has heard of it, and publish another"
    rotate_parser = keys.add_parser("rotate", help=about, description=about)
    rotate_parser.add_argument("--now", action="store_true", help="even if verifiers may refuse it for some minutes")
    rotate_parser.set_defaults(run=on_application(rotate, postgres_alone=True))
    about = "let a key retire; with --now it is revoked at once, and every token that it signed"
    retire_parser = keys.add_parser("retire", help=about, description=about)
    retire_parser.add_argument("kid", metavar="KID", help="as `keys list` shows it")
    retire_parser.add_argument("--now", action="store_true", help="the key has leaked: refuse its tokens at once")
    retire_parser.set_defaults(run=on_application(retire, postgres_alone=True))


async def list_all(application: Application, _: argparse.Namespace) -> int:
    say(f"{'KID':43}  {'STATE':7}  {'ALG':5}  {'CREATED':20}  {'ACTIVE FROM':20}  RETIRED FROM")
    for key, state in await application.key_rotation.all():
        times = f"{_utc(key.created_at):20}  {_utc(key.activates_at):20}  {_utc(key.killed_at or key.retires_at)}"
        say(f"{key.kid:43}  {state:7}  {key.algorithm:5}  {times}")
    return DONE


async def rotate(application: Application, asked: argparse.Namespace) -> int:
    key = await application.key_rotation.rotate(at_once=asked.now)
    say(f"{key.kid} signs from {_utc(key.activates_at)}; the key before it verifies until its tokens are over")
    return DONE


async def retire(application: Application, asked: argparse.Namespace) -> int:
    try:
        return await (_revoke if asked.now else _retire)(application, asked.kid)
    except NoSuchKeyError:
        complain(UNKNOWN)
    except NotDeniedYetError:
        complain(NOT_DENIED_YET)
    return FAILED


async def _revoke(application: Application, kid: str) -> int:
    await application.key_compromise.revoke(kid)
    say(f"{kid} is revoked: every token that it signed is refused")
    return DONE


async def _retire(application: Application, kid: str) -> int:
    match await application.key_rotation.retire(kid):
        case KeyState.ACTIVE:
            say(f"{kid} retires when the next key takes over; `tokenhouse keys list` shows when")
        case KeyState.NEXT:
            complain(f"{kid} does not sign yet; with --now it never will")
            return FAILED
        case state:
            say(f"{kid} is {state} already")
    return DONE


def _utc(time: datetime | None) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ") if time else "-"
