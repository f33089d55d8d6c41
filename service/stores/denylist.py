"""The denylist in Redis: one key per revoked token or session, which expires with the last token it concerns."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import NamedTuple
from zlib import crc32

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from service.ambient import Ambient
from service.coalescing import Batch
from service.domain.sessions.ports import ForgottenError
from service.histogram import Histogram
from service.stores import redis_keys
from service.stores.redis import REDIRECTED, RedisTopology, script
from service.stores.timed_redis import OUTAGES

MARK_COMPLETE = script("mark_complete.lua")  # sent as a whole (EVAL), because it is rare
AT_ONCE = 1000  # entries written in one pipeline
LIFE_OF_MARKER = 50_000  # ms; shorter than the minute that each denial lasts beyond its tokens
KEEP_EVERY = 5.0  # seconds
DENIED = 1  # Redis shares small integers: the value takes no memory, an empty string 24 bytes
SIZES = tuple(2.0**power for power in range(10))  # up to MOST of a batch
Entries = Mapping[str, timedelta]
NONE: Entries = MappingProxyType({})
Verdict = bool | Exception


class Question(NamedTuple):
    """Whether one of these keys, which lie in the partition, has an entry."""

    partition: str
    keys: tuple[str, ...]


class RedisDenylist:
    """The epoch marker names the server that is known to hold every entry, by its run id and replication id.

    It is read together with the entries, so one round trip returns both whether a token is denied and whether that
    result can be trusted: a marker that is missing (flushed, started empty) or names another server (restarted, rolled
    back to an older snapshot, failed over) means that entries may be missing.

    In a cluster a session's partition holds everything needed to check its tokens: its entry, those of its tokens, a
    copy of those of leaked keys, and a marker. So each question goes to one server, and entries lost on one server are
    detected and restored separately. A moved slot counts as lost: its marker names the server that it came from.
    """

    def __init__(self, redis: Redis, servers: RedisTopology, ambient: Ambient) -> None:
        self._redis = redis
        self._servers = servers
        self._partitions = servers.partitions
        self._markers = {partition: redis_keys.epoch(partition) for partition in servers.partitions}
        self._ambient = ambient
        self._questions: dict[str, Batch[Question, Verdict]] = {}
        self.batches = Histogram(SIZES)  # questions per round trip
        self.denied = 0  # questions answered with yes
        self._kept_at = -KEEP_EVERY

    async def has(self, token_id: str, session_id: str, key_id: str) -> bool:
        partition = self._partition_of(session_id)
        return await self._any_denied(
            partition,
            redis_keys.denied_token(token_id, partition),
            redis_keys.denied_session(session_id, partition),
            redis_keys.denied_key(key_id, partition),
        )

    async def denies_key(self, key_id: str) -> bool:
        partition = self._partitions[0]  # each has all keys
        return await self._any_denied(partition, redis_keys.denied_key(key_id, partition))

    async def _any_denied(self, partition: str, *keys: str) -> bool:
        """One batch per server, so that a server that hangs does not delay questions to the others."""
        home = self._servers.home_of(self._markers[partition])
        batch = self._questions.get(home) or self._questions.setdefault(home, Batch(self._answer_all))
        verdict = await batch.ask(Question(partition, keys))
        if isinstance(verdict, Exception):
            raise verdict
        self.denied += verdict
        return verdict

    async def add(self, tokens: Entries, sessions: Entries, keys: Entries = NONE) -> None:
        if keys or not sessions:
            touched = list(self._partitions)
        else:
            touched = list({self._partition_of(session_id) for session_id in sessions})
        async with self._redis.pipeline(transaction=False) as pipe:
            for partition in touched:
                _deny(pipe, redis_keys.denied_token, tokens, partition)
                _deny(pipe, redis_keys.denied_key, keys, partition)
            self._deny_sessions(pipe, sessions.items())
            for partition in touched:
                pipe.get(self._markers[partition])
            replies = await pipe.execute()
            runs = list(self._servers.runs_of(pipe, len(replies)))
        for epoch, run_id in zip(replies[-len(touched) :], runs[-len(touched) :], strict=True):
            if not _is_current(epoch, run_id):
                raise ForgottenError

    async def is_complete(self) -> bool:
        lost, unknown = await self._doubtful()
        if lost or unknown:
            return False
        await self._keep_markers()
        return True

    async def _keep_markers(self) -> None:
        """Prolong the markers, which expire in less than a minute otherwise.

        So a marker expires no later than the entries when the clock of Redis is set forward.
        """
        now = self._ambient.monotonic()
        if now - self._kept_at < KEEP_EVERY:
            return
        async with self._redis.pipeline(transaction=False) as pipe:
            for marker in self._markers.values():
                pipe.pexpire(marker, LIFE_OF_MARKER)
            await pipe.execute(raise_on_error=False)
        self._kept_at = now

    async def settle(self) -> None:
        await self._servers.settle()

    async def restore(self, remembered: Callable[[], Awaitable[Entries]], keys: Entries = NONE) -> None:
        """The markers name no run meanwhile, so that a flush during the restore is detected at the end.

        They are set before Postgres is queried: a later revocation finds them and is not acknowledged. All entries go
        to the servers on which the markers were set, or the restore is aborted. A server whose run is unknown may hold
        every entry: its markers are left alone.
        """
        await self._servers.settle()
        terms = self._servers.terms()
        pending = b"restoring " + self._ambient.new_id().encode()
        async with self._redis.pipeline(transaction=False) as pipe:
            lost, unknown = await self._doubtful()
            for partition in lost:
                pipe.set(redis_keys.epoch(partition), pending)
            replies = await pipe.execute()
            runs = dict(zip(lost, self._servers.runs_of(pipe, len(replies)), strict=True))
        sessions = await remembered()
        entries = [(name, left) for name, left in sessions.items() if self._partition_of(name) in runs]
        for start in range(0, len(entries), AT_ONCE):
            some = entries[start : start + AT_ONCE]
            async with self._redis.pipeline(transaction=False) as pipe:
                self._deny_sessions(pipe, some)
                await self._execute_on(pipe, [runs[self._partition_of(name)] for name, _ in some])
        async with self._redis.pipeline(transaction=False) as pipe:
            for partition in lost:
                _deny(pipe, redis_keys.denied_key, keys, partition)
            await self._execute_on(pipe, [run for partition in lost for run in [runs[partition]] * len(keys)])
        for partition, run_id in runs.items():
            if not run_id or self._servers.terms() != terms:
                raise ForgottenError
            if not await self._redis.eval(
                MARK_COMPLETE, 1, redis_keys.epoch(partition), pending, run_id, LIFE_OF_MARKER
            ):
                raise ForgottenError
        if unknown:
            raise ForgottenError

    async def _execute_on(self, pipe: Pipeline, runs: Sequence[bytes]) -> None:
        """Raises ForgottenError when a server other than these answered a command."""
        replies = await pipe.execute()
        if list(self._servers.runs_of(pipe, len(replies))) != list(runs):
            raise ForgottenError

    async def _doubtful(self) -> tuple[Sequence[str], Sequence[str]]:
        """The partitions without a valid marker, which may lack entries, and those on servers whose run is unknown.

        Omits those that cannot be restored: without a reply, or being moved. Raises the outage when none replies.
        """
        partitions = self._partitions
        async with self._redis.pipeline(transaction=False) as pipe:
            for partition in partitions:
                pipe.get(redis_keys.epoch(partition))
            replies = await pipe.execute(raise_on_error=False)
            runs = list(self._servers.runs_of(pipe, len(replies)))
        silent = [one for one in replies if isinstance(one, OUTAGES)]
        if len(silent) == len(partitions):
            raise silent[0]
        answered = [
            (partition, epoch, run_id)
            for partition, epoch, run_id in zip(partitions, replies, runs, strict=True)
            if not isinstance(epoch, OUTAGES) and run_id != REDIRECTED
        ]
        lost = [partition for partition, epoch, run_id in answered if run_id and not _is_current(epoch, run_id)]
        return lost, [partition for partition, _, run_id in answered if not run_id]

    async def _answer_all(self, questions: Sequence[Question]) -> list[Verdict]:
        self.batches.add(len(questions))
        parts: dict[str, dict[str, None]] = {}  # the keys of each partition, each once
        for partition, keys in questions:
            parts.setdefault(partition, {}).update(dict.fromkeys(keys))
        async with self._redis.pipeline(transaction=False) as pipe:
            for partition, wanted in parts.items():
                pipe.mget([*wanted, self._markers[partition]])
            replies = await pipe.execute(raise_on_error=False)
            runs = self._servers.runs_of(pipe, len(replies))
        found = {
            partition: _denied(wanted, reply, run_id)
            for (partition, wanted), reply, run_id in zip(parts.items(), replies, runs, strict=True)
        }
        return [
            denied if isinstance(denied := found[partition], Exception) else not denied.isdisjoint(keys)
            for partition, keys in questions
        ]

    def _deny_sessions(self, pipe: Pipeline, entries: Iterable[tuple[str, timedelta]]) -> None:
        for session_id, left in entries:
            pipe.set(redis_keys.denied_session(session_id, self._partition_of(session_id)), DENIED, px=left)

    def _partition_of(self, session_id: str) -> str:
        partitions = self._partitions
        return partitions[crc32(session_id.encode()) % len(partitions)] if len(partitions) > 1 else partitions[0]


def _denied(
    keys: Iterable[str], reply: Sequence[bytes | None] | Exception, run_id: bytes
) -> frozenset[str] | Exception:
    """The keys that have an entry, or the error that prevents an answer."""
    if isinstance(reply, Exception):
        return reply
    *found, epoch = reply
    if not _is_current(epoch, run_id):
        return ForgottenError()
    return frozenset(key for key, entry in zip(keys, found, strict=True) if entry is not None)


def _is_current(epoch: bytes | None, run_id: bytes) -> bool:
    """Whether the server that holds this marker is the one that it names."""
    return bool(run_id) and epoch == run_id


def _deny(pipe: Pipeline, key: Callable[[str, str], str], entries: Entries, partition: str) -> None:
    for name, left in entries.items():
        pipe.set(key(name, partition), DENIED, px=left)
