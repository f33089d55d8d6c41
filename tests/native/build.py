"""Builds the compiled engine anew, with the checks of a sanitizer."""

import shlex
import shutil
import subprocess
from pathlib import Path

from service.native.build import compile_command
from tests.conftest import ROOT

WARNINGS = shlex.split("-Wall -Wextra -Wconversion -Werror")
SANITIZERS = {"threads": ["-fsanitize=thread"], "memory": ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]}


def has_compiler() -> bool:
    return shutil.which(compile_command("")[0]) is not None


def build_module(to: Path, *flags: str) -> None:
    """The module `_lanes`. Raises CalledProcessError."""
    subprocess.run([*compile_command(f"{to}"), *flags], cwd=ROOT, check=True)


def build_storm(to: Path, *flags: str) -> None:
    """The program of storm.c. Raises CalledProcessError."""
    command = [compile_command("")[0], "-std=c11", "-O1", "-g", "-pthread", *WARNINGS, *flags, "tests/native/storm.c"]
    subprocess.run([*command, "-o", to], cwd=ROOT, check=True)
