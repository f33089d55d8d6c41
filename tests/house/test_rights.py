"""The rights that the service asks its stores for are those that its own queries and scripts need."""

import re

import pytest

from service.stores.rights import COMMANDS, TABLES
from tests.conftest import ROOT

STORES = ROOT / "service" / "stores"
USES = {
    "SELECT": r"(?:FROM|JOIN) (\w+)",
    "INSERT": r"INSERT INTO (\w+)",
    "UPDATE": r"UPDATE (\w+)\s+SET",
    "DELETE": r"DELETE FROM (\w+)",
}
LOCKS = r"FROM (\w+)\b[^\"']*?FOR UPDATE"
UPSERTS = r'INSERT INTO (\w+)\b[^"]*?DO UPDATE'  # within one statement, which may quote


def in_the_code() -> set[tuple[str, str]]:
    text = "\n".join(
        file.read_text() for file in STORES.glob("*.py") if file.name not in ("migrations.py", "rights.py")
    )
    found = {(table, use) for use, shape in USES.items() for table in re.findall(shape, text)}
    found |= {(table, "UPDATE") for shape in (LOCKS, UPSERTS) for table in re.findall(shape, text)}
    return {(table, use) for table, use in found if table in TABLES} | {("schema_migrations", "SELECT")}


def test_every_kind_of_use_of_every_table_is_asked_for_and_no_other() -> None:
    assert {(table, use) for table, uses in TABLES.items() for use in uses} == in_the_code()


def test_every_table_of_the_schema_is_asked_for() -> None:
    schema = (ROOT / "sql" / "schema.sql").read_text()
    assert set(re.findall(r"CREATE TABLE (\w+)", schema)) == set(TABLES)


@pytest.mark.parametrize("file", sorted((STORES / "lua").glob("*.lua")), ids=lambda file: file.stem)
def test_every_command_of_a_script_is_asked_for(file: object) -> None:
    text = (STORES / "lua" / str(file).rpartition("/")[2]).read_text()
    assert set(re.findall(r"redis\.p?call\('(\w+)'", text)) <= {words[0] for words in COMMANDS}
