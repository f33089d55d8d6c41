"""Commands that work through many rows say how far they are."""

from pathlib import Path

import pytest

from service.commands import progress
from service.embedded import Stores
from tests.conftest import Instances
from tests.support.databases import Command, empty_database
from tests.support.moving import lines


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever a command could say something, not once a minute."""
    monkeypatch.setattr(progress, "SELDOM", 0.0)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("users", "import", "FILE", "--format", "jsonl"), "import: "),
        (("users", "export"), "export: "),
        (("secrets", "rotate"), "secrets rotate: API keys: "),
        (("sessions", "end", "--all", "--yes"), "sessions end: 1"),
    ],
)
async def test_what_works_through_rows_tells_its_place_on_standard_error(
    instances: Instances, command: Command, tmp_path: Path, words: tuple[str, ...], what: str
) -> None:
    [client] = await instances(1)
    await client.log_in(await client.sign_up())
    file = tmp_path / "people"
    file.write_bytes(lines({"email": "eve@example.com"}))
    status, said, told = await command(*(str(file) if word == "FILE" else word for word in words))
    assert status == 0
    assert f"tokenhouse: {what}" in told
    assert "tokenhouse: " not in said


async def test_migrate_names_the_step_that_it_is_at(embedded: Stores, redis: object, command: Command) -> None:
    async with empty_database(embedded) as url:
        status, said, told = await command("migrate", TOKENHOUSE_DATABASE__URL=url)
    assert status == 0
    assert said.startswith("applied 0001_first_house.sql")
    assert "tokenhouse: migrate: 00" in told
