"""Looks for faults in the C of service/native, for as long as asked for: python -m tests.native.fuzz --minutes 60.

Half of the time many threads compute in the C alone, under a thread sanitizer and under a memory sanitizer; the other
half is a comparison with the bcrypt package, as it is built for use and under the memory sanitizer.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import monotonic

from service.native.build import compile_command
from tests.conftest import ROOT
from tests.native.build import SANITIZERS, build_module, build_storm, has_compiler

STORM = ("3", "9", "6")  # cores, threads, and jobs of each: some seconds under a sanitizer
OPTIONS = {"ASAN_OPTIONS": "detect_leaks=0", "PYTHONMALLOC": "malloc"}  # Python itself leaks at its end


def storm_for(seconds: float, directory: Path) -> None:
    """At least once with each sanitizer. Raises CalledProcessError."""
    ends = monotonic() + seconds
    programs = []
    for name, flags in SANITIZERS.items():
        program = directory / f"storm-{name}"
        build_storm(program, *flags)
        programs.append(program)
    while True:
        for program in programs:
            subprocess.run([program, *STORM], check=True)
        if monotonic() >= ends:
            return


def compare_for(seconds: float, directory: Path) -> None:
    """Raises CalledProcessError."""
    plain, checked = directory / "plain.so", directory / "checked.so"
    build_module(plain)
    build_module(checked, "-O1", *SANITIZERS["memory"])
    library = subprocess.run(
        [compile_command("")[0], "-print-file-name=libasan.so"], check=True, capture_output=True, text=True
    ).stdout.strip()
    for module, environment in ((plain, {}), (checked, {"LD_PRELOAD": library, **OPTIONS})):
        command = [sys.executable, "-m", "tests.native.comparison", f"{seconds / 2}", f"{module}"]
        subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, **environment})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    minutes = parser.parse_args().minutes
    if not has_compiler():
        print("There is no C compiler, so there is nothing to look at.")  # noqa: T201 - it is a program
        return 0
    with tempfile.TemporaryDirectory() as directory:
        storm_for(minutes * 30, Path(directory))
        compare_for(minutes * 30, Path(directory))
    return 0


if __name__ == "__main__":
    sys.exit(main())
