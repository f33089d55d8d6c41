"""`tokenhouse keys list`, `keys rotate [--now]`, `keys retire KID [--now]`."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime

from service.ambient import Ambient
from service.commands.frame import no_answer, opened
from service.domain.operations.key_compromise import NotDeniedYetError
from service.domain.signing.key_rotation import NoSuchKeyError
from service.domain.signing.key_states import State
from service.errors import UnavailableError
from service.settings import load
from service.wiring import House, wire

Act = Callable[[House, argparse.Namespace], Awaitable[int]]


def add_parsers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    keys = commands.add_parser("keys", help="list, rotate or retire the signing keys").add_subparsers(
        required=True, metavar="ACTION"
    )
    about = "show every signing key with its state"
    keys.add_parser("list", help=about, description=about).set_defaults(run=run, act=list_all)
    about = "let the next key sign, as soon as every verifier has heard of it, and publish another"
    rotate_parser = keys.add_parser("rotate", help=about, description=about)
    rotate_parser.add_argument("--now", action="store_true", help="even if verifiers may refuse it for some minutes")
    rotate_parser.set_defaults(run=run, act=rotate)
    about = "let a key retire; with --now it is revoked at once, and every token that it signed"
    retire_parser = keys.add_parser("retire", help=about, description=about)
    retire_parser.add_argument("kid", metavar="KID", help="as `keys list` shows it")
    retire_parser.add_argument("--now", action="store_true", help="the key has leaked: refuse its tokens at once")
    retire_parser.set_defaults(run=run, act=retire)


def run(asked: argparse.Namespace) -> int:
    settings = load(asked.config)
    settings.require_stores_and_secret()
    house = wire(settings, Ambient())
    outages: tuple[type[Exception], ...] = (*house.services.outages, UnavailableError)
    try:
        return asyncio.run(_with_postgres(house, asked.act, asked))
    except NoSuchKeyError:
        _complain("no key has this KID; `tokenhouse keys list` shows them all")
    except NotDeniedYetError:
        _complain(
            "the key is revoked, but Redis does not answer: instances refuse its tokens within a minute, when they read"
            " the keys. Run this again to have them refused at once"
        )
    except outages as error:
        _complain(no_answer(error))
    return 1


async def list_all(house: House, _: argparse.Namespace) -> int:
    _say(f"{'KID':43}  {'STATE':7}  {'ALG':5}  {'CREATED':20}  {'ACTIVE FROM':20}  RETIRED FROM")
    for key, state in await house.key_life.all():
        times = f"{_utc(key.created_at):20}  {_utc(key.activates_at):20}  {_utc(key.killed_at or key.retires_at)}"
        _say(f"{key.kid:43}  {state:7}  {key.algorithm:5}  {times}")
    return 0


async def rotate(house: House, asked: argparse.Namespace) -> int:
    key = await house.key_life.rotate(at_once=asked.now)
    _say(f"{key.kid} signs from {_utc(key.activates_at)}; the key before it verifies until its tokens are over")
    return 0


async def retire(house: House, asked: argparse.Namespace) -> int:
    if asked.now:
        await house.key_compromise.revoke(asked.kid)
        _say(f"{asked.kid} is revoked: every token that it signed is refused")
        return 0
    match await house.key_life.retire(asked.kid):
        case State.ACTIVE:
            _say(f"{asked.kid} retires when the next key takes over; `tokenhouse keys list` shows when")
        case State.NEXT:
            _complain(f"{asked.kid} does not sign yet; with --now it never will")
            return 1
        case state:
            _say(f"{asked.kid} is {state} already")
    return 0


async def _with_postgres(house: House, act: Act, asked: argparse.Namespace) -> int:
    async with opened(house, postgres_alone=True):
        return await act(house, asked)


def _utc(time: datetime | None) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ") if time else "-"


def _say(line: str) -> None:
    print(line)  # noqa: T201 - the command's answer


def _complain(line: str) -> None:
    print(f"tokenhouse: {line}", file=sys.stderr)  # noqa: T201 - the command's word to its user
