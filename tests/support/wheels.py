"""Builds a distribution of this repository as `pip` does."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path


def build_wheel(directory: Path, to: Path, **variables: str) -> zipfile.ZipFile:
    """The only wheel in `to`. `variables` are added to the environment."""
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*pip, "-w", f"{to}", f"{directory}"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **variables},
    )
    assert done.returncode == 0, done.stderr
    [wheel] = to.glob("*.whl")
    return zipfile.ZipFile(wheel)
