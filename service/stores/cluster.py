"""Redis Cluster: an ordinary client for each primary, and every command to the one that its key lives on.

redis-py's own cluster client cannot keep our rules (docs/decisions/0016); this one does, being made of clients that do.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.crc import REDIS_CLUSTER_HASH_SLOTS as SLOTS
from redis.crc import key_slot
from redis.exceptions import AskError, ClusterDownError, ClusterError, MovedError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from service.settings import RedisSettings
from service.stores.cluster_map import Address, Claim, Term, claims_of
from service.stores.redis import LEASE, LOOK_AGAIN, OUTAGES, OVERDUE, REDIRECTED, RedisServer, client, connections_of
from service.stores.timings import Connections, Timings

PARTITIONS = tuple(f"{{{number:02x}}}" for number in range(256))  # in 256 slots, spread evenly
PARTITION_SLOTS = tuple(key_slot(partition.encode()) for partition in PARTITIONS)
GOSSIP = 0.25  # seconds in which the nodes of a cluster tell each other of a failover
HOPS = 4  # redirections that one command follows
PACE = 0.1  # seconds between two looks at the map
ASTRAY = (RedisConnectionError, RedisTimeoutError, OSError, ClusterError, AskError)  # the map may be out of date
Command = tuple[Sequence[Any], Mapping[str, Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    address: Address
    redis: Redis
    server: RedisServer


class NodeReply(NamedTuple):
    """What came back, an error too, and the run id of the server that said it."""

    reply: Any
    run_id: bytes = b""


class Cluster(Redis):
    """Also says, as `Servers` do, which server lies behind a key or an answer."""

    partitions: Sequence[str] = PARTITIONS

    def __init__(self, settings: RedisSettings, doors: Sequence[Address], options: dict[str, Any]) -> None:
        """`doors`: some nodes of the cluster, who know the others."""
        self._settings = settings
        self._doors = tuple(doors)
        self._options = options
        self._nodes: dict[Address, Node] = {}
        self._slots: list[Node | None] = []
        self._looking: asyncio.Task[None] | None = None
        self._looked_at = self._rest_until = float("-inf")  # when the last look began, and when another one may
        self._answered_at = float("-inf")  # when the last look began that most primaries answered
        self._terms: dict[int, Term] = {}  # of the slots of partitions
        self._trouble: Exception | None = None  # the latest that kept a node from showing its map
        self.timings = Timings()
        super().__init__(connection_pool=self._node(self._doors[0]).redis.connection_pool)

    async def execute_command(self, *args: object, **options: object) -> Any:  # noqa: ANN401 - each command has its own
        [answer] = await self.send([(args, options)])
        if isinstance(answer.reply, Exception):
            raise answer.reply
        return answer.reply

    def pipeline(self, transaction: bool = False, shard_hint: str | None = None) -> Pipeline:  # noqa: ARG002, FBT001, FBT002 - redis-py's own signature
        return ClusterPipeline(self)

    async def aclose(self, close_connection_pool: bool | None = None) -> None:  # noqa: ARG002, FBT001 - redis-py's own signature
        if self._looking is not None:
            self._looking.cancel()
        for node in self._nodes.values():
            await node.redis.aclose()

    def home_of(self, key: str) -> str:
        node = self._slots[key_slot(key.encode())] if self._slots else None
        return f"{node.address}" if node else ""

    def runs_of(self, pipe: Pipeline, count: int) -> Sequence[bytes]:
        return pipe.runs if isinstance(pipe, ClusterPipeline) else [b""] * count

    async def primaries(self, redis: Redis) -> Sequence[tuple[Redis, RedisServer]]:  # noqa: ARG002 - one server needs it
        await self._know_the_map()
        return [(node.redis, node.server) for node in dict.fromkeys(self._slots) if node]

    def connections(self, redis: Redis) -> Connections:  # noqa: ARG002 - one server needs it
        return connections_of(node.redis for node in self._nodes.values())

    async def send(self, commands: Sequence[Command]) -> list[NodeReply]:
        """Commands to their primaries, all at once; those of one slot keep their order. No outage is raised."""
        try:
            await self._know_the_map()
        except RedisConnectionError as error:
            return [NodeReply(error)] * len(commands)
        answers = [NodeReply(ClusterDownError("nobody serves this slot"))] * len(commands)
        loads: dict[Node, list[int]] = {}
        for place, (args, _) in enumerate(commands):
            if node := self._slots[_slot(args)]:
                loads.setdefault(node, []).append(place)
        coming = [_deliver(node, [commands[place] for place in places]) for node, places in loads.items()]
        for places, back in zip(loads.values(), await asyncio.gather(*coming), strict=True):
            for place, answer in zip(places, back, strict=True):
                answers[place] = answer
        for place, command in enumerate(commands):
            if isinstance(answers[place].reply, AskError):
                answers[place] = await self._follow(answers[place].reply, command)
        if any(isinstance(answer.reply, ASTRAY) for answer in answers):
            self._look_again()
        if asyncio.get_running_loop().time() - self._answered_at > LEASE:  # they may be primaries no more
            return [answer if answer.run_id == REDIRECTED else NodeReply(answer.reply) for answer in answers]
        return answers

    async def settle(self) -> None:
        await self._look()
        if not self._terms:
            raise RedisConnectionError("no node of the cluster answers") from self._trouble
        latest = max(term.since for term in self._terms.values())
        await asyncio.sleep(latest + LEASE + GOSSIP - asyncio.get_running_loop().time())

    def terms(self) -> object:
        return {slot: (term.address, term.epoch) for slot, term in self._terms.items()}

    async def _follow(self, redirection: AskError, command: Command) -> NodeReply:
        """A redirected command was not executed, so this is no second try."""
        answer = NodeReply(redirection)
        for _ in range(HOPS):
            node = self._node((redirection.host, redirection.port))
            if isinstance(redirection, MovedError):
                self._slots[redirection.slot_id] = node
                self._look_again()
                answers = await _deliver(node, [command])
            else:
                answers = await _deliver(node, [(("ASKING",), {}), command])
                answers = [NodeReply(one.reply, REDIRECTED) for one in answers]
            answer = answers[-1]
            if not isinstance(answer.reply, AskError):
                break
            redirection = answer.reply
        return answer

    def _node(self, address: Address) -> Node:
        if address not in self._nodes:
            server = RedisServer(timings=self.timings)
            host, port = address
            redis = client(self._settings, server, {**self._options, "host": host, "port": port})
            self._nodes[address] = Node(address, redis, server)
        return self._nodes[address]

    async def _know_the_map(self) -> None:
        """Nobody waits for a look under load. After a pause the first question does, and so is not sent elsewhere."""
        age = asyncio.get_running_loop().time() - self._looked_at
        if age >= LOOK_AGAIN:
            self._look_again()
        if (age >= OVERDUE or not self._slots) and self._looking is not None:
            await asyncio.shield(self._looking)
        if not self._slots:
            raise RedisConnectionError("no node of the cluster answers") from self._trouble

    def _look_again(self) -> None:
        if (self._looking is None or self._looking.done()) and asyncio.get_running_loop().time() >= self._rest_until:
            self._looking = asyncio.create_task(self._look_and_rest())

    async def _look_and_rest(self) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        await self._look()
        self._looked_at, self._rest_until = began, clock() + PACE

    async def _look(self) -> None:
        """Ask every node for its map: the later claim to a slot, by the cluster's own count, is right.

        A look counts when more than half of the primaries answer: then none of them was replaced without our hearing.
        """
        began = asyncio.get_running_loop().time()
        known = sorted({*self._doors, *self._nodes})
        maps = await asyncio.gather(*(self._ask(self._node(address)) for address in known))
        claims = sorted({claim for one in maps for claim in one})
        if not claims:
            return
        self._note_terms(claims)
        primaries = {claim.address for claim in claims}
        answering = {address for address, one in zip(known, maps, strict=True) if one}
        if 2 * len(primaries & answering) > len(primaries):
            self._answered_at = began
        slots: list[Node | None] = [None] * SLOTS
        for _, address, first, last in claims:
            slots[first : last + 1] = [self._node(address)] * (last + 1 - first)
        self._slots = slots
        for address in set(self._nodes) - {node.address for node in slots if node} - {*self._doors}:
            await self._nodes.pop(address).redis.aclose()

    def _note_terms(self, claims: Sequence[Claim]) -> None:
        now = asyncio.get_running_loop().time()
        for claim in claims:
            for slot in PARTITION_SLOTS:
                known = self._terms.get(slot)
                if claim.first <= slot <= claim.last and (known is None or claim.epoch > known.epoch):
                    self._terms[slot] = Term(claim.address, claim.epoch, now)

    async def _ask(self, node: Node) -> list[Claim]:
        [answer] = await _deliver(node, [(("CLUSTER NODES",), {})])
        if isinstance(answer.reply, Exception):
            self._trouble = answer.reply
            return []
        return list(claims_of(answer.reply, node.address[0]))


class ClusterPipeline(Pipeline):
    """A pipeline whose commands part company. An outage of one primary leaves the others' answers as they are."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster.connection_pool, cluster.response_callbacks, transaction=False, shard_hint=None)
        self._cluster = cluster
        self.runs: list[bytes] = []

    async def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: FBT001, FBT002 - redis-py's own signature
        commands, self.command_stack = self.command_stack, []
        answers = await self._cluster.send(commands)
        self.runs = [answer.run_id for answer in answers]
        reply = [answer.reply for answer in answers]
        if raise_on_error and (errors := [one for one in reply if isinstance(one, Exception)]):
            raise errors[0]
        return reply


async def _deliver(node: Node, commands: Sequence[Command]) -> list[NodeReply]:
    """What a node answers; its outage is the answer to every command."""
    try:
        async with node.redis.pipeline(transaction=False) as pipe:
            for args, options in commands:
                pipe.execute_command(*args, **options)
            reply = await pipe.execute(raise_on_error=False)
            runs = node.server.runs_of(pipe, len(reply))
    except OUTAGES as error:
        return [NodeReply(error)] * len(commands)
    return [NodeReply(*one) for one in zip(reply, runs, strict=True)]


def _slot(args: Sequence[Any]) -> int:
    """By the first key: the first argument, or a script's first."""
    key = args[3] if args[0] in ("EVAL", "EVALSHA") else args[1]
    return key_slot(key if isinstance(key, bytes) else str(key).encode())
