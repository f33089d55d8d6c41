"""The verifier: refreshes keys and revocations in the background, verifies tokens without any I/O."""

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict
from typing import Self
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout

from tokenhouse_verify.feed import Feed
from tokenhouse_verify.tokens import (
    AUDIENCE,
    Claims,
    Expected,
    InvalidTokenError,
    UnknownKeyError,
    VerifyingKey,
    WrongIssuerError,
    claims_of,
    keys_of,
)

JWKS = "/.well-known/jwks.json"
FEED = "/auth/revocations"
SHARED = 2.0  # seconds for which the service and a cache on the way may have kept a piece of the feed
KEYS_LIVE = 300.0  # seconds between two requests for the key set
KEYS_AT_MOST = 10.0  # ... for a token with an unknown key id
PATIENCE = ClientTimeout(total=2)
SOON = 1.0  # seconds before a failed poll is retried
MAX_PIECES = 1_000
MAX_BYTES = 4 * 1024 * 1024
REMEMBERED = 20_000  # verified tokens in the cache; about 2 300 bytes each (docs/verifying.md)
log = logging.getLogger(__name__)


class StaleError(Exception):
    """The list of revocations is older than `max_staleness`, or was never received. Respond 503, not 401."""


class Clock:
    """Tests pass their own."""

    def now(self) -> float:
        return time.time()  # noqa: TID251 - this package stands alone and has its own clock

    def monotonic(self) -> float:
        return time.monotonic()  # noqa: TID251 - as above


class Verifier:
    """`async with Verifier("https://auth.example.com", "tokenhouse") as verifier: verifier.verify(token)`.

    A session that ends is refused here after at most `poll` + 2 s + the time of two requests: 8 s by default where
    those take half a second each. Whatever happens, never later than `max_staleness`, after which every token is
    refused with StaleError.
    """

    def __init__(
        self,
        issuer: str,
        client_id: str,
        *,
        base_url: str = "",
        use: str = "id",
        poll: float = 5.0,
        max_staleness: float = 30.0,
        leeway: float = 5.0,
        session: ClientSession | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Times in seconds. `base_url`: the service's address, if not its issuer. `use`: id or access tokens.

        Clocks may differ by `leeway`. A session that is passed in is not closed. Raises ValueError.
        """
        if use not in AUDIENCE:
            raise ValueError("use is id or access")
        if not _is_address(base_url or issuer):
            name = "base_url" if base_url else "the issuer"
            raise ValueError(
                f"{name} is no address: say https://auth.example.com, or set base_url to where the service is"
            )
        self._expected = Expected(issuer, client_id, use, leeway)
        self._base_url = (base_url or issuer).rstrip("/")
        self._poll = poll
        self._max_staleness = max_staleness
        self._clock = clock or Clock()
        self._own_session = session is None
        self._session = session
        self._keys: dict[str, VerifyingKey] = {}
        self._keys_read_at = self._keys_asked_at = -float("inf")
        self._feed = Feed(issuer, leeway)
        self._fresh_at = -float("inf")
        self._verified: OrderedDict[bytes, Claims] = OrderedDict()
        self._one_at_a_time = asyncio.Lock()
        self._polling: asyncio.Task[None] | None = None
        self._failure: Exception | None = None  # of the last poll

    async def __aenter__(self) -> Self:
        """Starts even if the service is unreachable; until the first poll, every token is refused with StaleError.

        Raises WrongIssuerError when the service signs as another issuer, which waiting does not fix.
        """
        self._session = self._session or ClientSession(timeout=PATIENCE)
        await self._try_refresh()
        if isinstance(self._failure, WrongIssuerError):
            await self.__aexit__()
            raise self._failure
        self._polling = asyncio.create_task(self._keep_polling())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.gather(self._polling, return_exceptions=True)
        if self._own_session and self._session is not None:
            await self._session.close()

    def verify(self, token: str) -> Claims:
        """The claims of a token that is valid and not revoked. No I/O. Raises InvalidTokenError or StaleError."""
        if self.staleness > self._max_staleness:
            raise StaleError(f"{self._silence}: {_in_words(self._failure)}")
        now = self._clock.now()
        memory = hashlib.sha256(token.encode(errors="surrogatepass")).digest()
        claims = self._verified.get(memory)
        if claims is None:
            claims = claims_of(token, self._keys, self._expected, now)
            self._verified[memory] = claims
            if len(self._verified) > REMEMBERED:
                self._verified.popitem(last=False)
        if now >= claims.expires_at + self._expected.leeway:
            raise InvalidTokenError("it has expired")
        if claims.key_id not in self._keys:
            raise InvalidTokenError("it is signed with a key that is in the key set no more")
        if self._feed.denies(claims.session_id, claims.key_id):
            raise InvalidTokenError("its session has ended, or its signing key was revoked")
        return claims

    async def authenticate(self, token: str) -> Claims:
        """As `verify`, but fetches the key set for an unknown key, at most every ten seconds."""
        try:
            return self.verify(token)
        except UnknownKeyError:
            async with self._one_at_a_time:
                try:
                    await self._fetch_keys(at_most_every=KEYS_AT_MOST)
                except (ClientError, TimeoutError, ValueError, OSError) as error:
                    log.warning("the key set cannot be read: %s", type(error).__name__)
            return self.verify(token)

    @property
    def staleness(self) -> float:
        """Seconds: every revocation older than this is known here.

        Measured with two clocks: a monotonic one stops while a machine is suspended.
        """
        by_the_wall = self._clock.now() - self._feed.made_at - self._expected.leeway
        return max(self._clock.monotonic() - self._fresh_at, by_the_wall)

    @property
    def _silence(self) -> str:
        has_heard = self._fresh_at > -float("inf")
        return f"no news of revocations for {self.staleness:.0f} s" if has_heard else "no news of revocations yet"

    @property
    def revoked(self) -> int:
        """How many sessions are known to be revoked."""
        return len(self._feed)

    async def refresh(self) -> None:
        """Poll now. Raises the errors of the request, or InvalidTokenError for a response that cannot be trusted."""
        async with self._one_at_a_time:
            await self._fetch_keys(at_most_every=KEYS_LIVE)
            asked_at = self._clock.monotonic()
            for _ in range(MAX_PIECES):
                if not await self._take_piece():
                    self._fresh_at = max(self._fresh_at, asked_at - SHARED)
                    return
            raise InvalidTokenError("the feed has no end")

    async def _take_piece(self) -> bool:
        piece = (await self._get(FEED, since=self._feed.cursor)).decode("ascii")
        try:
            return self._feed.take(piece, self._keys, self._clock.now())
        except UnknownKeyError:
            await self._fetch_keys(at_most_every=0.0)
            return self._feed.take(piece, self._keys, self._clock.now())

    async def _fetch_keys(self, at_most_every: float) -> None:
        now = self._clock.monotonic()
        if now - self._keys_read_at < at_most_every or now - self._keys_asked_at < SOON:
            return
        self._keys_asked_at = now
        self._keys = keys_of(await self._get(JWKS))
        self._keys_read_at = now

    async def _get(self, path: str, **query: str) -> bytes:
        if self._session is None:
            raise RuntimeError("enter the verifier first: async with Verifier(...)")
        url = self._base_url + path
        async with self._session.get(url, params=query, timeout=PATIENCE, allow_redirects=False) as answer:
            answer.raise_for_status()
            if answer.status != 200:  # noqa: PLR2004 - HTTP's word for it
                raise ValueError("no direct answer")
            body = bytearray()
            async for part in answer.content.iter_any():
                body += part
                if len(body) > MAX_BYTES:
                    raise ValueError("too large")
            return bytes(body)

    async def _keep_polling(self) -> None:
        pause = self._poll
        while True:
            await asyncio.sleep(pause)
            pause = self._poll if await self._try_refresh() else min(SOON, self._poll)

    async def _try_refresh(self) -> bool:
        try:
            await self.refresh()
        except (ClientError, TimeoutError, ValueError, OSError, InvalidTokenError) as error:
            self._failure = error
            self._feed.cursor = ""  # after a failure, start again with the whole list
            log.warning("%s: %s", self._silence, _in_words(error))
            return False
        self._failure = None
        return True


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _in_words(failure: Exception | None) -> str:
    """The text of other exceptions may quote an address with a password."""
    return str(failure) if isinstance(failure, WrongIssuerError) else type(failure).__name__ if failure else "not asked"
