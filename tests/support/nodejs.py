"""Packages of Node's that a test runs: installed once, by their lock file, beside the files that it names.

Where node or a package cannot be had, the test is skipped; with TEST_NEEDS_NODE, as the checks before a change lands set it, it fails.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

import pytest

from tests.conftest import ROOT
from tests.support import programs

HOMES = ROOT / ".tokenhouse"
NEEDED = "TEST_NEEDS_NODE"


def home(name: str, files: Iterable[Path]) -> Path:
    """A directory with these files and the packages of the lock file among them."""
    if not shutil.which("node") or not shutil.which("npm"):
        _lack("node and npm are not on PATH")
    kept, wanted = HOMES / name, {file.name: file.read_bytes() for file in files if file.is_file()}
    if not _holds(kept, wanted):
        HOMES.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=HOMES) as scratch:
            new = Path(scratch) / name
            new.mkdir()
            for file, content in wanted.items():
                (new / file).write_bytes(content)
            if trouble := programs.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], new):
                _lack(f"the packages of {name} cannot be installed: {trouble}")
            programs.replace(new, kept)
    return kept


def _lack(what: str) -> NoReturn:
    if os.environ.get(NEEDED):
        pytest.fail(f"{NEEDED} is set, and {what}")
    pytest.skip(what)


def _holds(directory: Path, wanted: dict[str, bytes]) -> bool:
    found = {file.name: file.read_bytes() for file in directory.glob("*.*") if file.is_file()}
    return (directory / "node_modules").is_dir() and found == wanted
