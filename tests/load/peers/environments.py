"""An environment of its own for each peer, below `.tokenhouse/peers/`: made once, and again when its versions change."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[3]
ENVIRONMENTS = ROOT / ".tokenhouse" / "peers"
FILES = Path(__file__).parent
STAMP = ".installed"  # holds the list of packages that was installed
INSTALL_SECONDS = 300


class MissingPeerError(Exception):
    """A peer cannot be installed here; the message says why."""


def python(folder: str) -> Path:
    """The environment with `requirements.txt` of this folder. Raises MissingPeerError."""
    place, wanted = ENVIRONMENTS / folder, FILES / folder / "requirements.txt"
    if not _is_installed(place, wanted):
        _start_anew(place)
        _run([sys.executable, "-m", "venv", place])
        pip = str(place / "bin" / "pip")
        _run([pip, "install", "--quiet", "--disable-pip-version-check", "--requirement", wanted])
        _stamp(place, wanted)
    return place


def node(folder: str, *programs: str) -> Path:
    """The environment with `package.json` and these programs of this folder, for they find packages beside themselves.

    Raises MissingPeerError.
    """
    for tool in ("node", "npm"):
        if not shutil.which(tool):
            raise MissingPeerError(f"no {tool} on PATH")
    place, wanted = ENVIRONMENTS / folder, FILES / folder / "package.json"
    if not _is_installed(place, wanted):
        _start_anew(place)
        shutil.copy(wanted, place)
        # Without scripts: bcrypt brings its binary in the package.
        _run(["npm", "install", "--prefix", place, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
        _stamp(place, wanted)
    for program in programs:
        shutil.copy(FILES / folder / program, place)
    return place


def _is_installed(place: Path, wanted: Path) -> bool:
    stamp = place / STAMP
    return stamp.exists() and stamp.read_text(encoding="utf-8") == wanted.read_text(encoding="utf-8")


def _stamp(place: Path, wanted: Path) -> None:
    shutil.copy(wanted, place / STAMP)


def _start_anew(place: Path) -> None:
    print(f"Installing into {place}", flush=True)
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)


def _run(command: Sequence[str | Path]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise MissingPeerError(f"not installed within {INSTALL_SECONDS} s") from None
    if done.returncode:
        said = done.stderr.strip() or done.stdout.strip() or f"{command[0]} failed"
        raise MissingPeerError(said.splitlines()[-1][:200])
