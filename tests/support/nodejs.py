"""Packages of Node's that a test runs: installed once, by their lock file, beside the files that it names."""

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support import programs

HOMES = ROOT / ".tokenhouse"


def home(name: str, files: Iterable[Path]) -> Path:
    """A directory with these files and the packages of the lock file among them. Skips the test where there is no npm."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("node and npm are not on PATH")
    kept, wanted = HOMES / name, {file.name: file.read_bytes() for file in files if file.is_file()}
    if not _holds(kept, wanted):
        HOMES.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=HOMES) as scratch:
            new = Path(scratch) / name
            new.mkdir()
            for file, content in wanted.items():
                (new / file).write_bytes(content)
            if trouble := programs.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], new):
                pytest.skip(f"the packages of {name} cannot be installed: {trouble}")
            programs.replace(new, kept)
    return kept


def _holds(directory: Path, wanted: dict[str, bytes]) -> bool:
    found = {file.name: file.read_bytes() for file in directory.glob("*.*") if file.is_file()}
    return (directory / "node_modules").is_dir() and found == wanted
