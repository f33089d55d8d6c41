"""The revocation feed for offline verifiers: signed, cacheable, and paged by cursor.

A cursor is a position in commit order, so no verifier misses a revocation that is committed late. Requests within the
same second with the same cursor get the same signed piece: ten thousand verifiers cost one query a second.
"""

import asyncio
import re
from datetime import datetime
from hmac import compare_digest
from typing import NamedTuple, Self

from service.ambient import Ambient
from service.domain.resource_servers.models import FeedPosition
from service.domain.resource_servers.ports import RevocationLog
from service.domain.seals import Purpose, Seals
from service.domain.signing.key_states import killed_until
from service.domain.signing.ports import SigningKeys
from service.domain.signing.tokens import Tokens
from service.settings import TokenSettings

KIND = "revocations+jwt"  # the `typ` of its header, which no token has (RFC 8725 section 3.11)
SHARED = 1.0  # seconds in which all requests get the same piece
FRESH = 15  # seconds after which a verifier must not accept it any more, wherever it was cached
LIMIT = 2_000  # sessions in one piece, 51 bytes each: JOSE libraries refuse tokens much larger than 100 KB
MOST = 64  # different pieces made in one second; other cursors then get the beginning, which is always valid
SEALED = re.compile(r"[A-Za-z0-9_.-]{23,128}", re.ASCII)
CURSOR = re.compile(r"([1-9]\d{0,17})\.([1-9]\d{0,17})(?:\.([1-9]\d{0,17})\.([A-Za-z0-9_-]{22,43}))?", re.ASCII)


class Cursor(NamedTuple):
    """`watermark`: where the next round begins. `reached`: how far this round is, when it takes several pieces.

    `timeline`: the history that these positions are in.
    """

    watermark: int = 0
    reached: FeedPosition | None = None
    timeline: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """An invalid cursor means the beginning."""
        match = CURSOR.fullmatch(text)
        if match is None:
            return cls()
        timeline, watermark, transaction, session_id = match.groups()
        return cls(int(watermark), FeedPosition(int(transaction), session_id) if transaction else None, int(timeline))

    @property
    def text(self) -> str:
        return ".".join(str(part) for part in (self.timeline, self.watermark, *(self.reached or ())))

    @property
    def place(self) -> FeedPosition:
        return self.reached or FeedPosition(self.watermark)


class RevocationFeed:
    def __init__(
        self,
        revocations: RevocationLog,
        keys: SigningKeys,
        tokens: Tokens,
        settings: TokenSettings,
        ambient: Ambient,
        *,
        seals: Seals,
        limit: int = LIMIT,
    ) -> None:
        self._revocations = revocations
        self._keys = keys
        self._tokens = tokens
        self._settings = settings
        self._ambient = ambient
        self._readers = asyncio.Semaphore(2)
        self._limit = limit
        self._seals = seals
        self._began = -SHARED
        self._pieces: dict[Cursor, asyncio.Task[str]] = {}

    async def piece(self, since: str) -> str:
        """The signed piece behind a cursor. Raises UnavailableError or the store's outage."""
        if self._ambient.monotonic() - self._began >= SHARED:
            self._began, self._pieces = self._ambient.monotonic(), {}
        cursor = self._opened(since)
        if cursor not in self._pieces and len(self._pieces) >= MOST:
            cursor = Cursor()
        if cursor not in self._pieces:
            self._pieces[cursor] = asyncio.create_task(self._make(cursor))
        return await asyncio.shield(self._pieces[cursor])

    async def _make(self, cursor: Cursor) -> str:
        now = self._ambient.now()  # before the query: later commits are not in its result
        async with self._readers:  # many different cursors must not take every connection
            passage, keys = await asyncio.gather(self._revocations.after(cursor.place, self._limit), self._keys.all())
        if (
            cursor.watermark and cursor.timeline != passage.timeline
        ):  # Postgres may have lost commits: restored backup, or failover
            cursor = Cursor()
            passage = await self._revocations.after(cursor.place, self._limit)
        begins_next = cursor.watermark if cursor.reached else passage.watermark.transaction
        more = len(passage.entries) == self._limit
        onward = Cursor(begins_next, passage.entries[-1][0] if more else None, passage.timeline)
        return await self._tokens.sign(
            KIND,
            {
                "iss": self._settings.issuer,
                "iat": _seconds(now),
                "exp": _seconds(now) + FRESH,
                "since": self._sealed(cursor),
                "next": self._sealed(onward),
                "more": more,
                "sessions": {place.session_id: _seconds(until) for place, until in passage.entries},
                "keys": {kid: _seconds(until) for kid, until in killed_until(keys).items() if until > now},
            },
        )

    def _sealed(self, cursor: Cursor) -> str:
        """Sealed against made-up cursors, each of which would cost a query and a signature."""
        return f"{cursor.text}.{self._seals.pseudonym(cursor.text, Purpose.FEED)}" if cursor.watermark else ""

    def _opened(self, text: str) -> Cursor:
        """An invalid cursor means the beginning, which is always valid."""
        plain, _, seal = text.rpartition(".")
        made = self._seals.pseudonyms(plain, Purpose.FEED) if SEALED.fullmatch(text) else []
        return Cursor.parse(plain) if any(compare_digest(seal, one) for one in made) else Cursor()


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
