"""Redis Cluster: an ordinary client for each primary; each command goes to the primary that holds its key.

redis-py's own cluster client does not meet our requirements, so this one is built on clients that do
(docs/decisions/0016).
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
from service.stores.cluster_map import Address, Claim, Term, claims_of, note_terms, slot_of
from service.stores.redis import LEASE, LOOK_AGAIN, OVERDUE, REDIRECTED, RedisServer, client, connections_of
from service.stores.timed_redis import OUTAGES
from service.stores.timings import Connections, Timings

PARTITIONS = tuple(f"{{{number:02x}}}" for number in range(256))  # in 256 slots, spread evenly
PARTITION_SLOTS = tuple(key_slot(partition.encode()) for partition in PARTITIONS)
GOSSIP = 0.25  # seconds for a failover to propagate to all nodes of a cluster
HOPS = 4  # redirections followed per command
PACE = 0.1  # seconds between two refreshes of the slot map
ASTRAY = (RedisConnectionError, RedisTimeoutError, OSError, ClusterError, AskError)  # the map may be out of date
Command = tuple[Sequence[Any], Mapping[str, Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    address: Address
    redis: Redis
    server: RedisServer


class NodeReply(NamedTuple):
    """The reply, possibly an error, and the run id of the server that sent it."""

    reply: Any
    run_id: bytes = b""


class Cluster(Redis):
    """A client that is also the `RedisTopology` of its nodes."""

    partitions: Sequence[str] = PARTITIONS

    def __init__(self, settings: RedisSettings, doors: Sequence[Address], options: dict[str, Any]) -> None:
        """`doors`: seed nodes, from which the others are discovered."""
        self._settings = settings
        self._doors = tuple(doors)
        self._options = options
        self._nodes: dict[Address, Node] = {}
        self._slots: list[Node | None] = []
        self._looking: asyncio.Task[None] | None = None
        self._looked_at = self._rest_until = float("-inf")  # when the last refresh began, and when the next may
        self._answered_at = float("-inf")  # when the last refresh that most primaries answered began
        self._terms: dict[int, Term] = {}  # by slot, for the partitions' slots
        self._trouble: Exception | None = None  # the latest error of a node asked for its map
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
        """Send commands to their primaries at once, in order within a slot. Outages are returned, not raised."""
        try:
            await self._know_the_map()
        except RedisConnectionError as error:
            return [NodeReply(error)] * len(commands)
        answers = [NodeReply(ClusterDownError("nobody serves this slot"))] * len(commands)
        slots = [slot_of(args) for args, _ in commands]
        loads: dict[Node, list[int]] = {}
        for place, slot in enumerate(slots):
            if node := self._slots[slot]:
                loads.setdefault(node, []).append(place)
        coming = [_deliver(node, [commands[place] for place in places]) for node, places in loads.items()]
        for (node, places), back in zip(loads.items(), await asyncio.gather(*coming), strict=True):
            for place, answer in zip(places, back, strict=True):
                if isinstance(answer.reply, AskError):
                    answers[place] = await self._follow(answer.reply, node, commands[place])
                else:
                    answers[place] = self._counted(slots[place], node, answer)
        if any(isinstance(answer.reply, ASTRAY) for answer in answers):
            self._look_again()
        if asyncio.get_running_loop().time() - self._answered_at > LEASE:  # they may no longer be primaries
            return [answer if answer.run_id == REDIRECTED else NodeReply(answer.reply) for answer in answers]
        return answers

    async def settle(self) -> None:
        self._look_again()
        if self._looking is not None:
            await asyncio.shield(self._looking)
        if not self._terms:
            raise RedisConnectionError("no node of the cluster answers") from self._trouble
        latest = max(term.since for term in self._terms.values())
        await asyncio.sleep(latest + LEASE + GOSSIP - asyncio.get_running_loop().time())

    def terms(self) -> object:
        return {slot: (term.address, term.epoch) for slot, term in self._terms.items()}

    def _counted(self, slot: int, node: Node, answer: NodeReply) -> NodeReply:
        """Without its run id when the slot passed to another node while the command was on its way."""
        return answer if self._slots[slot] is node else NodeReply(answer.reply)

    async def _follow(self, redirection: AskError, by: Node, command: Command) -> NodeReply:
        """Follow a redirection. The command was not executed, so this is not a retry."""
        answer = NodeReply(redirection)
        for _ in range(HOPS):
            node = self._node((redirection.host, redirection.port))
            if isinstance(redirection, MovedError):
                slot = redirection.slot_id
                if self._slots[slot] is by:  # no refresh has learned of a later owner
                    self._slots[slot] = node
                self._look_again()
                [answer] = await _deliver(node, [command])
                answer = self._counted(slot, node, answer)
            else:
                _, answer = await _deliver(node, [(("ASKING",), {}), command])
                answer = NodeReply(answer.reply, REDIRECTED)
            if not isinstance(answer.reply, AskError):
                break
            redirection, by = answer.reply, node
        return answer

    def _node(self, address: Address) -> Node:
        if address not in self._nodes:
            server = RedisServer(timings=self.timings)
            host, port = address
            redis = client(self._settings, server, {**self._options, "host": host, "port": port})
            self._nodes[address] = Node(address, redis, server)
        return self._nodes[address]

    async def _know_the_map(self) -> None:
        """Under load no command waits for a refresh. After a pause the first one does, to reach the current primary."""
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
        """Ask every node for its map. The claim to a slot with the highest configuration epoch wins.

        A refresh counts when more than half of the primaries answer: then no failover has gone unnoticed.
        """
        began = asyncio.get_running_loop().time()
        known = sorted({*self._doors, *self._nodes})
        maps = await asyncio.gather(*(self._ask(self._node(address)) for address in known))
        claims = sorted({claim for one in maps for claim in one})
        if not claims:
            return
        note_terms(self._terms, claims, PARTITION_SLOTS, now=asyncio.get_running_loop().time())
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

    async def _ask(self, node: Node) -> list[Claim]:
        [answer] = await _deliver(node, [(("CLUSTER NODES",), {})])
        if isinstance(answer.reply, Exception):
            self._trouble = answer.reply
            return []
        return list(claims_of(answer.reply, node.address[0]))


class ClusterPipeline(Pipeline):
    """A pipeline that splits its commands by primary. An outage of one primary does not affect the others' replies."""

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
    """A node's replies; an outage of the node is the reply to every command."""
    try:
        async with node.redis.pipeline(transaction=False) as pipe:
            for args, options in commands:
                pipe.execute_command(*args, **options)
            reply = await pipe.execute(raise_on_error=False)
            runs = node.server.runs_of(pipe, len(reply))
    except OUTAGES as error:
        return [NodeReply(error)] * len(commands)
    return [NodeReply(*one) for one in zip(reply, runs, strict=True)]
