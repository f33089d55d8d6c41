"""Several Redis servers that belong together: a primary with replica and Sentinels, and a cluster."""

import shutil
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from service.embedded import EmbeddedRedis
from tests.support.ports import free_port
from tests.support.waiting import until

HOST = "127.0.0.1"
NAME = "tokens"
SLOTS = 16384
BUS = 10_000
GIVEN: set[int] = set()  # nobody listens on them until all members are started
GIVEN_OUT = 32_768  # from here Linux gives ports to whoever asks for any
WATCHING = {"down-after-milliseconds": "2000", "failover-timeout": "4000"}
CLUSTERED = {
    "cluster-enabled": "yes",
    "cluster-config-file": "nodes.conf",
    "cluster-node-timeout": "3000",
    "cluster-require-full-coverage": "no",
    "cluster-migration-barrier": "9",
}


class Member(EmbeddedRedis):
    """One server of several, on a port of its own."""

    def __init__(self, directory: Path, options: Mapping[str, str], *, sentinel: bool = False) -> None:
        self.port = port_with_a_bus()
        super().__init__(
            directory / str(self.port), directory / "none", port=self.port, options=options, sentinel=sentinel
        )
        self.sockets.mkdir(exist_ok=True)

    @property
    def place(self) -> tuple[str, int]:
        return HOST, self.port

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    async def ask(self, *words: str | int) -> Any:
        client: Any = Redis(host=HOST, port=self.port, retry=Retry(NoBackoff(), 0))  # `execute_command` has no types
        async with client as redis:
            return await redis.execute_command(*words)

    async def is_primary(self) -> bool:
        return bool((await self.ask("ROLE"))[0] == b"master")

    async def is_in_step(self) -> bool:
        """Whether this replica has all that its primary has."""
        role, *_, state, _ = await self.ask("ROLE")
        return bool((role, state) == (b"slave", b"connected"))

    def delete_expired(self) -> None:
        """End at once and lose the data, but not the place in a cluster."""
        self.kill()
        for file in ("appendonly.aof", "appendonlydir", "dump.rdb"):
            path = self.data / file
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def port_with_a_bus() -> int:
    """A port whose neighbour 10 000 above is free as well, where members of a cluster talk; each is given once."""
    while True:
        port = free_port()
        if port in GIVEN:
            continue
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port + BUS))
            if port + BUS < GIVEN_OUT:
                GIVEN.add(port)
                return port


async def part(primary: Member, replica: Member) -> None:
    """Let the replica hear nothing more of its primary: it cannot log in again."""
    for name in ("masteruser", "masterauth"):
        await replica.ask("CONFIG", "SET", name, "nobody")
    await primary.ask("CLIENT", "KILL", "TYPE", "replica")

    async def is_deaf() -> bool:
        return not await replica.is_in_step()

    await until(is_deaf)


@dataclass(frozen=True)
class Watched:
    primary: Member
    replica: Member
    sentinels: Sequence[Member]

    @property
    def url(self) -> str:
        return f"redis+sentinel://{','.join(one.address for one in self.sentinels)}/{NAME}"

    async def named(self) -> set[int]:
        """The ports that the Sentinels name as the primary's."""
        return {(await one.ask("SENTINEL GET-MASTER-ADDR-BY-NAME", NAME))[1] for one in self.sentinels}

    async def has_moved(self) -> bool:
        return await self.named() == {self.replica.port}


@asynccontextmanager
async def watched(directory: Path) -> AsyncIterator[Watched]:
    """A primary, a replica in step with it, and three Sentinels that know each other."""
    primary = Member(directory, {})
    replica = Member(directory, {"replicaof": f"{HOST} {primary.port}"})
    told = {
        "sentinel monitor": f"{NAME} {HOST} {primary.port} 2",
        **{f"sentinel {name} {NAME}": value for name, value in WATCHING.items()},
    }
    stand = Watched(primary, replica, [Member(directory, told, sentinel=True) for _ in range(3)])

    async def is_settled() -> bool:
        states = [await one.ask("SENTINEL MASTER", NAME) for one in stand.sentinels]
        seen = {(one["num-other-sentinels"], one["num-slaves"], one["flags"]) for one in states}
        return seen == {(2, 1, "master")} and await replica.is_in_step()

    async with running([primary, replica, *stand.sentinels]):
        await until(is_settled)
        yield stand


@dataclass(frozen=True)
class Clustered:
    """`heir` is a replica of the first primary."""

    primaries: Sequence[Member]
    successor: Member

    @property
    def url(self) -> str:
        return f"redis+cluster://{','.join(one.address for one in self.primaries)}"

    async def is_served(self, member: Member) -> bool:
        """Whether every server says that all slots are served, and that this one serves some."""
        for one in self.primaries:
            if one.pid and (await one.ask("CLUSTER INFO"))["cluster_state"] != "ok":
                return False
        nodes = await member.ask("CLUSTER NODES")
        return bool(nodes[member.address]["slots"]) and await member.is_primary()

    async def move(self, slot: int, source: Member, target: Member) -> None:
        """Hand a slot over as `redis-cli --cluster reshard` does."""
        await self.announce(slot, source, target)
        await self.carry(slot, source, target)
        for one in (target, source):
            await one.ask("CLUSTER SETSLOT", slot, "NODE", await id_of(target))

    async def announce(self, slot: int, source: Member, target: Member) -> None:
        await target.ask("CLUSTER SETSLOT", slot, "IMPORTING", await id_of(source))
        await source.ask("CLUSTER SETSLOT", slot, "MIGRATING", await id_of(target))

    async def carry(self, slot: int, source: Member, target: Member) -> None:
        while names := await source.ask("CLUSTER GETKEYSINSLOT", slot, 100):
            await source.ask("MIGRATE", HOST, target.port, "", 0, 5000, "KEYS", *names)


async def id_of(member: Member) -> str:
    said = await member.ask("CLUSTER MYID")
    return said.decode() if isinstance(said, bytes) else str(said)


@asynccontextmanager
async def clustered(directory: Path) -> AsyncIterator[Clustered]:
    """Three primaries that share the slots, and a replica of the first."""
    *primaries, successor = members = [Member(directory, CLUSTERED) for _ in range(4)]
    stand = Clustered(primaries, successor)
    async with running(members):
        for number, one in enumerate(primaries):
            first, last = number * SLOTS // 3, (number + 1) * SLOTS // 3
            await one.ask("CLUSTER ADDSLOTS", *range(first, last))
            await one.ask("CLUSTER SET-CONFIG-EPOCH", number + 1)
        for one in members[1:]:
            await one.ask("CLUSTER MEET", HOST, primaries[0].port)

        async def know_each_other() -> bool:
            views = [await one.ask("CLUSTER NODES") for one in members]
            return all(sum(len(node["slots"]) for node in view.values()) == 3 and len(view) == 4 for view in views)

        await until(know_each_other)
        await successor.ask("CLUSTER REPLICATE", await id_of(primaries[0]))

        async def is_settled() -> bool:
            return all([await stand.is_served(one) for one in primaries]) and await successor.is_in_step()

        await until(is_settled)
        yield stand


@asynccontextmanager
async def running(members: Sequence[Member]) -> AsyncIterator[None]:
    try:
        for one in members:
            one.start()
        yield
    finally:
        for one in members:
            one.kill()
