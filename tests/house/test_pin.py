"""`make pin` writes digests behind the tags of base images, renews them, and changes nothing when it cannot know them."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

FILES = ("docker-compose.yml", "deploy/observability.yml", "Dockerfile")
DOCKER = """#!/bin/sh
[ "$1 $2 $3" = "buildx imagetools inspect" ] || exit 64
case $4 in *@*) exit 65;; {unknown}) echo "ERROR: $4: not found" >&2; exit 1;; esac
echo sha256:{digit}$(printf %s "$4" | sha256sum | cut -c 2-64)
"""
BASE = re.compile(r"^(?: *image: *|FROM +)(\S+)", re.MULTILINE)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for file in FILES:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


def pin(copy: Path, digit: str, unknown: str = "none") -> subprocess.CompletedProcess[str]:
    program = copy / "programs" / "docker"
    program.parent.mkdir(exist_ok=True)
    program.write_text(DOCKER.format(digit=digit, unknown=unknown))
    program.chmod(0o755)
    path = f"{program.parent}:/usr/bin:/bin"
    call = [sys.executable, str(ROOT / "deploy/pin.py")]
    return subprocess.run(call, cwd=copy, env={"PATH": path}, capture_output=True, text=True, check=False)


def bases(copy: Path) -> list[str]:
    return [base for file in FILES for base in BASE.findall((copy / file).read_text())]


def test_every_base_image_is_pinned_and_pinned_anew(copy: Path) -> None:
    before = [base.partition("@")[0] for base in bases(copy)]
    assert {"postgres:17", "python:3.13-slim", "prom/prometheus:v3.5.0"} <= set(before)
    for digit in ("a", "b"):
        done = pin(copy, digit)
        assert done.returncode == 0, done.stderr
        after = bases(copy)
        assert [base.partition("@")[0] for base in after] == before
        assert all(re.fullmatch(rf"[^@]+@sha256:{digit}[0-9a-f]{{63}}", base) for base in after)
        assert set(done.stdout.split()) == set(after)
    for file in FILES:
        stripped = re.sub(r"@sha256:[0-9a-f]{64}", "", (copy / file).read_text())
        assert stripped == re.sub(r"@sha256:[0-9a-f]{64}", "", (ROOT / file).read_text())


def test_an_image_that_nobody_knows_is_named_and_nothing_is_changed(copy: Path) -> None:
    before = bases(copy)
    done = pin(copy, "a", unknown="postgres:17")
    assert done.returncode == 1
    assert "the digest of postgres:17" in done.stderr
    assert bases(copy) == before
