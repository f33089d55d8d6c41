"""`tokenhouse sessions end --all`: nobody does it by accident, and it says what it did."""

import io
import re

import pytest

from tests.conftest import Client, Instances
from tests.support.databases import Command

ALL = ("sessions", "end", "--all")


class Typed(io.StringIO):
    """A terminal at which somebody has typed this."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
async def client(instances: Instances) -> Client:
    (client,) = await instances(1)
    return client


async def test_where_nobody_can_be_asked_nothing_ends_without_yes(client: Client, command: Command) -> None:
    tokens = await client.log_in(await client.sign_up())
    status, said, complaint = await command(*ALL)
    assert (status, said) == (2, "")
    assert "--yes" in complaint
    assert (await client.me(tokens)).status == 200


@pytest.mark.parametrize("typed", ["", "\n", "y\n", "no\n"])
async def test_a_person_who_does_not_type_yes_ends_nothing(
    client: Client, command: Command, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    tokens = await client.log_in(await client.sign_up())
    monkeypatch.setattr("sys.stdin", Typed(typed))
    status, said, complaint = await command(*ALL)
    assert (status, said) == (1, "")
    assert "nothing was ended" in complaint
    assert (await client.me(tokens)).status == 200


async def test_a_person_who_types_yes_is_told_of_sessions_and_keys(
    client: Client, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = await client.log_in(await client.sign_up())
    keys = len((await command("keys", "list"))[1].splitlines()) - 1
    monkeypatch.setattr("sys.stdin", Typed("yes\n"))
    status, said, complaint = await command(*ALL)
    assert status == 0
    assert "everybody has to log in again" in complaint
    assert re.match(rf"ended: 1 live sessions and {keys} signing keys: ", said)
    assert ((await client.me(tokens)).status, (await client.refresh(tokens)).status) == (401, 401)


async def test_keys_are_told_where_redis_holds_no_session(client: Client, command: Command) -> None:
    status, said, _ = await command(*ALL, "--yes")
    assert status == 0
    assert re.match(r"ended: 0 live sessions and [1-9] signing keys: every token", said)
