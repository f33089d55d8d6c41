"""What several stories need."""

import asyncio

import pytest

from service.__main__ import main
from service.embedded import Stores
from tests.support.builders import SECRET
from tests.support.databases import Command


@pytest.fixture
def command(embedded: Stores, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the `tokenhouse` command on the same stores: its exit status, and what it said on both streams."""
    monkeypatch.setenv("TOKENHOUSE_DATABASE__URL", embedded.postgres.url)
    monkeypatch.setenv("TOKENHOUSE_REDIS__URL", embedded.redis.url)
    monkeypatch.setenv("TOKENHOUSE_SECRET_KEY", SECRET)

    async def run(*words: str, **environment: str) -> tuple[int, str, str]:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        status = await asyncio.to_thread(main, list(words))
        said = capsys.readouterr()
        return status, said.out, said.err

    return run
