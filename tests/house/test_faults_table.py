"""The table of faults in docs/faults.md names tests that are there."""

import re

import pytest

from tests.conftest import ROOT

TABLE = (ROOT / "docs/faults.md").read_text(encoding="utf-8")
TESTS = {
    name
    for file in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
}


@pytest.mark.parametrize("row", [line for line in TABLE.splitlines() if line.startswith("|")][2:])
def test_each_fault_has_its_test(row: str) -> None:
    named = set(re.findall(r"`(test_\w+)`", row))
    assert named
    assert named <= TESTS


def test_each_test_of_the_fault_suite_is_in_the_table() -> None:
    suite = {
        name
        for file in (ROOT / "tests/e2e/faults").glob("test_*.py")
        for name in re.findall(r"^async def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert suite <= set(re.findall(r"test_\w+", TABLE))
