"""Live sessions in Redis: one hash each, which is the whole truth about it, and an index per user, which is a hint."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from typing import cast
from uuid import UUID

from redis.asyncio import Redis

from service.domain.models import Revocation, Session, Swap, Swapped, SwapState
from service.stores import agents, keys
from service.stores.scripts import Scripts

AGENT_PART = 64  # bytes: Redis keeps a hash compact only while every value in it is this short
AGENT_PARTS = 3  # one, but for agents that do not pack at all
MILLISECOND = timedelta(milliseconds=1)
AT_ONCE = 1000  # sessions removed in one pipeline


class RedisSessions:
    def __init__(self, redis: Redis, scripts: Scripts, cap: int = 20) -> None:
        """`cap`: how many sessions a user may have."""
        self._redis = redis
        self._cap = cap
        self._open = scripts.script("session_open")
        self._index = scripts.script("session_index")
        self._use = scripts.script("session_use")
        self._rotate = scripts.script("session_rotate")

    async def open(self, session: Session, digest: bytes, idle_lifetime: timedelta) -> Sequence[str]:
        lifetime = session.ends_at - session.started_at
        fields = [part for pair in _fields(session, digest).items() for part in pair]
        over = await self._index(
            keys=[keys.sessions_of(session.user_id)],
            args=[session.id, _ms(session.started_at), _span(lifetime), self._cap],
        )
        await self._open(keys=[keys.session(session.id)], args=[_span(min(lifetime, idle_lifetime)), *fields])
        return [session_id.decode() for session_id in over]

    async def use(self, session_id: str, digest: bytes, now: datetime, idle_lifetime: timedelta) -> Session | None:
        held = await self._use(keys=[keys.session(session_id)], args=[digest, _ms(now), _span(idle_lifetime)])
        return _session(session_id, dict(zip(held[::2], held[1::2], strict=True))) if held else None

    async def rotate(self, swap: Swap) -> Swapped:
        state, *held = await self._rotate(
            keys=[keys.session(swap.session_id)],
            args=[swap.shown, swap.successor, _ms(swap.now), _span(swap.idle_lifetime), swap.grace // MILLISECOND],
        )
        if not held:
            return Swapped(SwapState(state.decode()))
        fields = dict(zip(held[::2], held[1::2], strict=True))
        session = _session(swap.session_id, fields)
        return Swapped(SwapState(state.decode()), session, fields[b"d"], int(fields.get(b"n", 0)))

    async def find(self, session_id: str, digest: bytes, now: datetime) -> Session | None:
        fields = cast("dict[bytes, bytes]", await self._redis.hgetall(keys.session(session_id)))
        if not fields or int(fields[b"e"]) <= _ms(now):
            return None
        in_grace = int(fields.get(b"g", 0)) > _ms(now)  # a token that was rotated away is good for a retry until then
        good = [fields[b"d"], fields[b"p"]] if in_grace else [fields[b"d"]]
        return _session(session_id, fields) if any(compare_digest(digest, one) for one in good) else None

    async def all_of(self, user_id: UUID) -> Sequence[Session]:
        ids = [one.decode() for one in cast("list[bytes]", await self._redis.zrange(keys.sessions_of(user_id), 0, -1))]
        async with self._redis.pipeline(transaction=False) as pipe:
            for session_id in ids:
                pipe.hgetall(keys.session(session_id))
            held = await pipe.execute()
        return [_session(session_id, fields) for session_id, fields in zip(ids, held, strict=True) if fields]

    async def remove(self, revocations: Sequence[Revocation]) -> None:
        for start in range(0, len(revocations), AT_ONCE):
            async with self._redis.pipeline(transaction=False) as pipe:
                for one in revocations[start : start + AT_ONCE]:
                    pipe.delete(keys.session(one.session_id))
                    pipe.zrem(keys.sessions_of(one.user_id), one.session_id)
                await pipe.execute()


def _fields(session: Session, digest: bytes) -> dict[str, bytes | str | int]:
    agent = agents.pack(session.user_agent)
    parts = {f"b{i}": agent[i * AGENT_PART : (i + 1) * AGENT_PART] for i in range(AGENT_PARTS)}
    return {
        "d": digest,
        "u": session.user_id.bytes,
        "s": _ms(session.started_at),
        "l": _ms(session.last_used_at),
        "e": _ms(session.ends_at),
        "i": session.source,
        **{name: part for name, part in parts.items() if part},
    }


def _session(session_id: str, fields: Mapping[bytes, bytes]) -> Session:
    return Session(
        id=session_id,
        user_id=UUID(bytes=fields[b"u"]),
        started_at=_time(fields[b"s"]),
        last_used_at=_time(fields[b"l"]),
        ends_at=_time(fields[b"e"]),
        source=fields[b"i"].decode(),
        user_agent=agents.unpack(b"".join(fields.get(f"b{i}".encode(), b"") for i in range(AGENT_PARTS))),
    )


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _span(length: timedelta) -> int:
    return max(1, round(length.total_seconds() * 1000))


def _time(value: bytes) -> datetime:
    return datetime.fromtimestamp(int(value) / 1000, UTC)
