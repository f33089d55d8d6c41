"""`tokenhouse seed [FILE]`, and what `tokenhouse dev` does with a `seed.yaml` of its directory."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from service.assembly.application import Application
from service.commands import asking
from service.commands.frame import DONE, on_application, say
from service.commands.operator import operator
from service.doctor.loopback import is_loopback
from service.domain.accounts import account_claims
from service.domain.accounts.account_claims import InvalidClaimsError
from service.domain.administration.models import NewUser
from service.domain.administration.seeding import Seeded
from service.errors import InvalidFieldsError
from service.operator_errors import ConfigurationError
from service.settings import ENVIRONMENT, SEED, Seed, read_seed

DEFAULT = Path("seed.yaml")
WHY = "the file has passwords: whoever reads it can log in at {}, which is more than this machine"


def add_parsers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    about = "open the accounts of a file that are not there yet; those that are stay as they are"
    seed = commands.add_parser("seed", help=about, description=about)
    seed.add_argument(
        "file", metavar="FILE", nargs="?", type=Path, help="or the one that TOKENHOUSE_SEED names, or seed.yaml"
    )
    seed.add_argument("--json", action="store_true", help="one JSON object a line")
    asking.add_yes(seed)
    seed.set_defaults(run=on_application(_seed))


def file_of_dev() -> Path | None:
    """What the environment names, or `seed.yaml` where there is one."""
    return file_in_environment() or (DEFAULT if DEFAULT.is_file() else None)


def file_in_environment() -> Path | None:
    return Path(named) if (named := ENVIRONMENT.get(SEED)) else None


async def apply(application: Application, file: Path) -> Seeded:
    """Raises ConfigurationError before anything is done."""
    people = people_of(read_seed(file), file)
    try:
        return await application.seeding.apply(people, operator())
    except InvalidFieldsError as error:
        first = error.broken[0]
        raise ConfigurationError(f"{file}: {first.field} of a user {first.message}") from None


def people_of(seed: Seed, file: Path) -> Sequence[NewUser]:
    """Raises ConfigurationError."""
    try:
        return [
            NewUser(
                email=user.email,
                first_name=user.first_name.strip(),
                last_name=user.last_name.strip(),
                password=user.password.get_secret_value() if user.password else None,
                email_verified=user.verified,
                groups=tuple(sorted(seed.groups_of(user))),
                claims=account_claims.written(user.claims),
            )
            for user in seed.users
        ]
    except InvalidClaimsError as error:
        raise ConfigurationError(f"{file}: claims: {error}") from None


async def _seed(application: Application, asked: argparse.Namespace) -> int:
    file = asked.file or file_in_environment() or DEFAULT
    issuer = application.settings.tokens.issuer
    is_asked = not asked.yes and not is_loopback(urlsplit(issuer).hostname or "") and read_seed(file).has_passwords
    why = WHY.format(issuer)
    if status := asking.agrees(f"{why[0].upper()}{why[1:]}.", is_asked=is_asked, why=why):
        return status
    seeded = await apply(application, file)
    say(json.dumps(seeded._asdict()) if asked.json else sentence(seeded))
    return DONE


def sentence(seeded: Seeded) -> str:
    return f"accounts opened: {seeded.opened}; there already: {seeded.present}"
