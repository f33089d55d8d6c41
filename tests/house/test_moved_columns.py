"""Every column of `users` moves with an account, or stays behind for a reason."""

import re

from service.stores import moves
from tests.conftest import ROOT
from tests.support.moving import MOVES, STAYS


def test_somebody_decided_of_each_column() -> None:
    schema = (ROOT / "sql" / "schema.sql").read_text(encoding="utf-8")
    [table] = re.findall(r"CREATE TABLE users \((.*?)\n\);", schema, re.DOTALL)
    columns = set(re.findall(r"^    (\w+) ", table, re.MULTILINE))
    assert columns == {*MOVES, *STAYS}
    assert not {*MOVES} & {*STAYS}


def test_what_moves_is_read_and_written() -> None:
    for column in MOVES:
        assert re.search(rf"\b{column}\b", moves.PAGE), column
        assert re.search(rf"\b{column}\b", moves.INSERT), column
