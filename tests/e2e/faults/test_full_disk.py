"""A disk that is full, under the table of users."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from service.embedded import Stores
from tests.support import builders
from tests.support.outages import Scene
from tests.support.waiting import until

SIZE = "2m"
CHUNK = bytes(4096)
ENOUGH = 500  # sign-ups fill what is left of the last pages long before


@pytest.fixture
def disk(own: Stores) -> Iterator[Path]:
    """A small disk of its own, which Postgres may use. Mounting one takes a privileged root."""
    with tempfile.TemporaryDirectory(prefix="tokenhouse-disk-", dir="/tmp") as name:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tokenhouse-test", name], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip("a disk can be mounted by a privileged root alone")
        try:
            status = own.postgres.data.stat()
            os.chown(name, status.st_uid, status.st_gid)
            yield Path(name)
        finally:
            subprocess.run(["umount", "--lazy", name], check=True)


@pytest.mark.faults
async def test_a_full_disk_refuses_new_accounts_and_keeps_those_that_are_there(scene: Scene, disk: Path) -> None:
    postgres = await asyncpg.connect(scene.postgres.url)
    await postgres.execute(f"CREATE TABLESPACE small LOCATION '{disk}'")
    await postgres.execute("ALTER TABLE users SET TABLESPACE small")
    filler = disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(CHUNK)
    try:
        kept = []
        for _ in range(ENOUGH):
            body = builders.sign_up_body()
            answer = await scene.client.post("/auth/signup", body)
            if answer.status == 503:
                break
            assert answer.status == 201
            kept.append(body)
        refused = await scene.hear("sign up")
        assert (answer.status, refused.status) == (503, 503)
        assert (await scene.hear("login")).status == 200
        assert (await scene.hear("me")).status == 200
        filler.unlink()

        async def is_taken() -> bool:
            return (await scene.client.post("/auth/signup", body)).status == 201

        await until(is_taken)  # so the refused one had left nothing behind
        for person in kept:
            await scene.client.log_in(person)
    finally:
        await postgres.execute("ALTER TABLE users SET TABLESPACE pg_default")
        await postgres.execute("DROP TABLESPACE small")
        await postgres.close()
