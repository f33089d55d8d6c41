"""Several Postgres hosts in one URL: the service finds the one that can be written to, also when it is another one."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from service.embedded import EmbeddedPostgres, binaries, socket_directory
from service.embedded.identity import Identity
from tests.conftest import Instances
from tests.support.outages import Scene, all_unavailable, recovers
from tests.support.ports import free_port
from tests.support.waiting import brisk, until


class Standby(EmbeddedPostgres):
    """Begins as a copy of another server, and follows it."""

    def __init__(self, data: Path, sockets: Path, *, port: int, origin: EmbeddedPostgres) -> None:
        super().__init__(data, sockets, port=port, fast=True)
        self._origin = origin

    def _create(self, identity: Identity, programs: Path, claim: int) -> None:
        partial = self._beside("partial")
        partial.mkdir(mode=0o700)
        identity.own(partial)
        how: list[str | Path] = [
            "--write-recovery-conf",
            "--checkpoint=fast",
            "--no-sync",
            "-d",
            self._origin.url,
            "-D",
            partial,
        ]
        self._run(identity, [programs / "pg_basebackup", *how], claim)
        partial.rename(self.data)


@dataclass(frozen=True)
class Pair:
    primary: EmbeddedPostgres
    standby: Standby

    @property
    def url(self) -> str:
        """The standby first, so that the primary has to be looked for."""
        first, second = (one.url.partition("@")[2].partition("/")[0] for one in (self.standby, self.primary))
        return f"postgresql://tokenhouse@{first},{second}/tokenhouse?target_session_attrs=read-write"

    async def promote(self) -> None:
        await command(self.standby, "SELECT pg_promote()")


async def command(server: EmbeddedPostgres, words: str) -> object:
    connection = await asyncpg.connect(server.url)
    try:
        return await connection.fetchval(words)
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (binaries.find_postgres() / "pg_basebackup").exists():
        pytest.skip("this Postgres has no pg_basebackup")
    return tmp_path_factory.mktemp("hosts")


@pytest.fixture
def pair(directory: Path, tmp_path: Path) -> Iterator[Pair]:
    with socket_directory() as sockets:
        primary = EmbeddedPostgres(tmp_path / "primary", sockets, port=free_port(), fast=True)
        standby = Standby(tmp_path / "standby", sockets, port=free_port(), origin=primary)
        try:
            primary.start()
            standby.start()
            yield Pair(primary, standby)
        finally:
            standby.kill()
            primary.kill()


@pytest.fixture
async def scene(pair: Pair, instances: Instances) -> Scene:
    (client,) = await instances(1, **brisk(database={"url": pair.url}, tokens={"algorithm": "ES256"}))
    person = await client.sign_up()
    tokens, spare = await client.log_in(person), await client.log_in(person)

    async def is_in_step() -> bool:
        there = await command(pair.primary, "SELECT pg_current_wal_insert_lsn()::text")
        return bool(await command(pair.standby, f"SELECT pg_last_wal_replay_lsn() >= '{there}'::pg_lsn"))

    await until(is_in_step)
    return Scene(pair.primary, None, client, person, tokens, spare)  # type: ignore[arg-type] # Redis does not fail here


async def turn_read_only(primary: EmbeddedPostgres) -> None:
    """As an operator does before a planned change; open connections stay open."""
    await command(primary, "ALTER SYSTEM SET default_transaction_read_only = on")
    await command(primary, "SELECT pg_reload_conf()")


async def end(primary: EmbeddedPostgres) -> None:
    primary.kill()


async def freeze(primary: EmbeddedPostgres) -> None:
    primary.pause()


@pytest.mark.parametrize(
    "fail",
    [freeze, pytest.param(end, marks=pytest.mark.faults), pytest.param(turn_read_only, marks=pytest.mark.faults)],
)
async def test_the_service_finds_the_host_that_can_be_written_to(
    pair: Pair, scene: Scene, fail: Callable[[EmbeddedPostgres], Awaitable[None]]
) -> None:
    assert (await scene.client.get("/readyz")).status == 200
    await fail(pair.primary)
    await all_unavailable(scene, "sign up", "log out")
    await pair.promote()
    await recovers(scene)
    assert (await scene.client.me(scene.spare)).status == 401  # it was logged out meanwhile
    assert await command(pair.standby, "SELECT count(*) FROM revocations") == 1
