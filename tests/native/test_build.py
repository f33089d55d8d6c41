"""The package is built with the compiled engine where there is a compiler, and without it elsewhere."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from service.native.build import BUILT
from tests.conftest import ROOT
from tests.native.build import SANITIZERS, build_storm, has_compiler
from tests.support.wheels import build_wheel

BUILT_FROM = ("service", "sql", "config.yaml", "pyproject.toml", "README.md", "LICENSE")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "client", "node_modules")
needs_compiler = pytest.mark.skipif(not has_compiler(), reason="there is no C compiler")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy, since what is built lies beside its source. It has a build of an older source."""
    copy = tmp_path / "checkout"
    copy.mkdir()
    for name in BUILT_FROM:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=LEFT_OUT)
        else:
            shutil.copy(source, copy / name)
    (copy / BUILT).write_bytes(b"of an older source")
    return copy


def wheel_of(checkout: Path, compiler: str = "") -> zipfile.ZipFile:
    return build_wheel(checkout, checkout / "dist", CC=compiler)


@needs_compiler
def test_one_wheel_of_a_platform_serves_every_python(checkout: Path) -> None:
    wheel = wheel_of(checkout)
    assert "-cp311-abi3-" in str(wheel.filename)
    assert wheel.read(BUILT)[1:4] == b"ELF" or sys.platform != "linux"


@pytest.mark.parametrize("compiler", ["no-such-compiler", "false"])
def test_without_a_compiler_the_wheel_is_pure_python(checkout: Path, compiler: str) -> None:
    wheel = wheel_of(checkout, compiler)
    assert str(wheel.filename).endswith("-py3-none-any.whl")
    assert BUILT not in wheel.namelist()
    assert not (checkout / BUILT).exists()


@needs_compiler
@pytest.mark.parametrize("sanitizer", [[], SANITIZERS["memory"]], ids=["plain", "memory"])
def test_the_c_alone_leaves_nothing_behind_after_a_storm(tmp_path: Path, sanitizer: list[str]) -> None:
    build_storm(tmp_path / "storm", *sanitizer)
    done = subprocess.run([tmp_path / "storm", "2", "9", "6"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "54 digests, 0 wrong; 0 waiting, 0 on a core, 0 cores driven\n"
