"""Sessions in Redis: a record each, the only source of truth, and an index of ids per user."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from typing import cast
from uuid import UUID

from redis.asyncio import Redis

from service.domain.models import PAGE, Session
from service.domain.sessions.models import EndedSession, Swap, Swapped, SwapState
from service.settings import PageSettings, TokenSettings
from service.stores import redis_keys, user_agents
from service.stores.scripts import Scripts

AGENT_PART = 64  # bytes: Redis keeps a hash compact only while every value in it is this short
AGENT_PARTS = 3  # one suffices, unless an agent does not compress at all
MILLISECOND = timedelta(milliseconds=1)
SLACK = timedelta(minutes=1)  # a refresh in progress may sign its tokens this much later
NO_CAP = 1 << 30
DEFAULT_PAGES = PageSettings()
AT_ONCE = 1000  # sessions removed in one pipeline


class RedisSessions:
    """A record outlives its session for as long as a token of it may be presented: until then it can be revoked.

    So the record's times and the current settings decide whether a session is over, never the record's absence.
    """

    def __init__(
        self, redis: Redis, scripts: Scripts, settings: TokenSettings, pages: PageSettings = DEFAULT_PAGES
    ) -> None:
        """`pages` limits the sessions of browsers further."""
        self._redis = redis
        self._settings = settings
        self._pages = pages
        self._spans = [_span(settings.refresh_lifetime), _span(settings.idle_lifetime), _span(settings.longest + SLACK)]
        self._open = scripts.script("session_open")
        self._index = scripts.script("session", "session_index")
        self._find = scripts.script("session_find")
        self._use = scripts.script("session", "session_use")
        self._rotate = scripts.script("session", "session_rotate")

    async def open(self, session: Session, digest: bytes) -> Sequence[str]:
        """The record is written first: every id in the index has one, or has had one."""
        lifetime, idle, token = self._spans
        fields = [part for pair in _fields(session, digest).items() for part in pair]
        await self._open(keys=[redis_keys.session(session.id)], args=[min(lifetime, idle) + token, *fields])
        held = await self._index(
            keys=[redis_keys.sessions_of(session.user_id)],
            args=[session.id, _ms(session.started_at), lifetime + token, self._settings.max_sessions],
        )
        return await self._over_the_cap(session, [one.decode() for one in held]) if held else []

    async def use(self, session_id: str, digest: bytes, now: datetime, client_id: str = "") -> Session | None:
        held = await self._use(keys=[redis_keys.session(session_id)], args=[digest, _ms(now), *self._spans, client_id])
        if not held:
            return None
        fields = dict(zip(held[::2], held[1::2], strict=True))
        await self._keep_in_index(session_id, fields, now)
        return self._session(session_id, fields)

    async def rotate(self, swap: Swap) -> Swapped:
        state, *held = await self._rotate(
            keys=[redis_keys.session(swap.session_id)],
            args=[swap.shown, _ms(swap.now), *self._spans, swap.client_id, swap.successor, swap.grace // MILLISECOND],
        )
        if not held:
            return Swapped(SwapState(state.decode()))
        fields = dict(zip(held[::2], held[1::2], strict=True))
        await self._keep_in_index(swap.session_id, fields, swap.now)
        session = self._session(swap.session_id, fields)
        return Swapped(SwapState(state.decode()), session, fields[b"d"], int(fields.get(b"n", 0)))

    async def find(self, session_id: str, digest: bytes, now: datetime) -> Session | None:
        here, held = await self._find(keys=[redis_keys.session(session_id)])
        fields = dict(zip(held[::2], held[1::2], strict=True))
        if not fields or self._is_over(fields, now):
            return None
        in_grace = int(fields.get(b"g", 0)) > here  # until then a retry may present the previous token
        good = [fields[b"d"], fields[b"p"]] if in_grace else [fields[b"d"]]
        return self._session(session_id, fields) if any(compare_digest(digest, one) for one in good) else None

    async def on_record(self, session_id: str) -> Session | None:
        ((_, fields),) = await self._records([session_id])
        return self._session(session_id, fields) if fields else None

    async def all_of(self, user_id: UUID, now: datetime) -> Sequence[Session]:
        records = await self._records(await self.ids_of(user_id))
        return [self._session(one, held) for one, held in records if held and not self._is_over(held, now)]

    async def ids_of(
        self, user_id: UUID, before: datetime | None = None, password_before: datetime | None = None
    ) -> Sequence[str]:
        last = f"({_ms(before)}" if before else "+inf"
        held = await self._redis.zrangebyscore(redis_keys.sessions_of(user_id), "-inf", last)
        ids = [one.decode() for one in cast("list[bytes]", held)]
        if password_before is None:
            return ids
        records = await self._records(ids)
        return [one for one, fields in records if int(fields.get(b"v", 0)) < _ms(password_before)]

    async def _keep_in_index(self, session_id: str, fields: Mapping[bytes, bytes], now: datetime) -> None:
        """The index got its expiry at a login, from the token lifetime of then: a longer one may outlive it."""
        token = self._spans[2]
        if _ms(now) + token > int(fields[b"e"]):
            user_id = UUID(bytes=fields[b"u"])
            await self._index(keys=[redis_keys.sessions_of(user_id)], args=[session_id, fields[b"s"], token, NO_CAP])

    async def _over_the_cap(self, newest: Session, ids: Sequence[str]) -> Sequence[str]:
        """The oldest live sessions over the cap. Ids without a record are removed from the index."""
        records = await self._records(ids)
        if gone := [one for one, held in records if not held]:
            await self._redis.zrem(redis_keys.sessions_of(newest.user_id), *gone)
        live = [one for one, held in records if held and not self._is_over(held, newest.started_at)]
        return live[: max(0, len(live) - self._settings.max_sessions)]

    async def _records(self, ids: Sequence[str]) -> list[tuple[str, dict[bytes, bytes]]]:
        async with self._redis.pipeline(transaction=False) as pipe:
            for session_id in ids:
                pipe.hgetall(redis_keys.session(session_id))
            return list(zip(ids, await pipe.execute(), strict=True))

    def _is_over(self, fields: Mapping[bytes, bytes], now: datetime) -> bool:
        lifetime, idle, _ = self._spans
        if fields.get(b"k") == PAGE.encode():
            lifetime = min(lifetime, _span(self._pages.session_lifetime))
            idle = min(idle, _span(self._pages.idle_lifetime))
        started, used, ends = (int(fields[name]) for name in (b"s", b"l", b"e"))
        return _ms(now) >= min(ends, started + lifetime, used + idle)

    def _session(self, session_id: str, fields: Mapping[bytes, bytes]) -> Session:
        started_at = _time(fields[b"s"])
        return Session(
            id=session_id,
            user_id=UUID(bytes=fields[b"u"]),
            started_at=started_at,
            last_used_at=_time(fields[b"l"]),
            ends_at=min(_time(fields[b"e"]), started_at + self._settings.refresh_lifetime),
            password_changed_at=_time(fields.get(b"v", b"0")),
            source=fields[b"i"].decode(),
            methods=tuple(fields.get(b"m", b"").decode().split()),
            client_id=fields.get(b"c", b"").decode(),
            kind=fields.get(b"k", b"").decode(),
            user_agent=user_agents.unpack(b"".join(fields.get(f"b{i}".encode(), b"") for i in range(AGENT_PARTS))),
        )

    async def remove(self, sessions: Sequence[EndedSession]) -> None:
        for start in range(0, len(sessions), AT_ONCE):
            async with self._redis.pipeline(transaction=False) as pipe:
                for one in sessions[start : start + AT_ONCE]:
                    pipe.delete(redis_keys.session(one.session_id))
                    pipe.zrem(redis_keys.sessions_of(one.user_id), one.session_id)
                await pipe.execute()


def _fields(session: Session, digest: bytes) -> dict[str, bytes | str | int]:
    agent = user_agents.pack(session.user_agent)
    parts = {f"b{i}": agent[i * AGENT_PART : (i + 1) * AGENT_PART] for i in range(AGENT_PARTS)}
    return {
        "d": digest,
        "u": session.user_id.bytes,
        "s": _ms(session.started_at),
        "l": _ms(session.last_used_at),
        "e": _ms(session.ends_at),
        "v": _ms(session.password_changed_at),
        "i": session.source,
        **({"c": session.client_id} if session.client_id else {}),
        **({"k": session.kind} if session.kind else {}),
        **({"m": " ".join(session.methods)} if session.methods else {}),
        **{name: part for name, part in parts.items() if part},
    }


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _span(length: timedelta) -> int:
    return max(1, round(length.total_seconds() * 1000))


def _time(value: bytes) -> datetime:
    return datetime.fromtimestamp(int(value) / 1000, UTC)
