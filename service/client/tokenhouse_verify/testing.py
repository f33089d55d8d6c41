"""A verifier for the tests of a service that verifies tokens: it makes its own tokens and needs no network."""

import json
import secrets  # noqa: TID251 - this package stands alone; the ids of its tokens need be no secret
from typing import Any, Self
from uuid import uuid4  # noqa: TID251 - as above

from aiohttp import ClientConnectionError
from joserfc import jwt
from joserfc.jwk import OKPKey

from tokenhouse_verify.feed import KIND
from tokenhouse_verify.tokens import REGISTRIES, keys_of
from tokenhouse_verify.verifier import FEED, JWKS, Clock, Verifier

ISSUER = "https://auth.example.com"
CLIENT_ID = "tokenhouse"
KEY_ID = "the-key-of-a-fake"
PIECE_LIVES = 15  # seconds


class FakeClock(Clock):
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self._now = super().now()
        self._passed = 0.0

    def now(self) -> float:
        return self._now + self._passed

    def monotonic(self) -> float:
        return self._passed

    def advance(self, seconds: float) -> None:
        self._passed += seconds


class FakeVerifier(Verifier):
    """Verifies the tokens that its own `token` makes, by all the rules of the real one.

    `async with` is optional.
    """

    def __init__(self, issuer: str = ISSUER, client_id: str = CLIENT_ID, *, use: str = "id") -> None:
        self.clock = FakeClock()
        super().__init__(issuer, client_id, use=use, clock=self.clock)
        self._issuer, self._client_id, self._use = issuer, client_id, use
        self._key = OKPKey.generate_key("Ed25519", {"kid": KEY_ID, "use": "sig", "alg": "EdDSA"})
        self._keys = keys_of(self._key_set())
        self._ended: dict[str, int] = {}
        self.is_reachable = True  # False: as if the service were unreachable
        self._hear()

    def token(
        self, user_id: str | None = None, *, session_id: str | None = None, lifetime: int = 3600, **claims: object
    ) -> str:
        """A token as the service makes one. `claims` are added to its own, or replace them: `aud="another"`."""
        now = int(self.clock.now())
        own: dict[str, Any] = {
            "iss": self._issuer,
            "sub": user_id or str(uuid4()),
            "iat": now,
            "exp": now + lifetime,
            "auth_time": now,
            "jti": secrets.token_urlsafe(18),
            "origin_jti": session_id or secrets.token_urlsafe(18),
            "token_use": self._use,
        }
        if self._use == "id":
            own |= {"aud": self._client_id, "email": "ada@example.com", "given_name": "Ada", "family_name": "Lovelace"}
        else:
            own |= {"client_id": self._client_id, "scope": "aws.cognito.signin.user.admin", "username": own["sub"]}
        return self._sign("JWT", own | claims)

    def end_session(self, session_id: str) -> None:
        """Its tokens are refused from now on, as after the next poll of the real one."""
        self._ended[session_id] = int(self.clock.now()) + 24 * 3600
        self._hear()

    def advance(self, seconds: float) -> None:
        """Move the clock. While the service is reachable, the list of ended sessions stays fresh."""
        self.clock.advance(seconds)
        self._hear()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """There is nothing to close."""

    def _hear(self) -> None:
        if self.is_reachable:
            self._feed.take(self._piece(), self._keys, self.clock.now())
            self._fresh_at = self.clock.monotonic()

    async def _get(self, path: str, **_: str) -> bytes:
        if not self.is_reachable:
            raise ClientConnectionError("the fake is out of reach")
        return {JWKS: self._key_set(), FEED: self._piece().encode()}[path]

    def _key_set(self) -> bytes:
        return json.dumps({"keys": [self._key.as_dict(private=False)]}).encode()

    def _piece(self) -> str:
        now = int(self.clock.now())
        return self._sign(
            KIND,
            {
                "iss": self._issuer,
                "iat": now,
                "exp": now + PIECE_LIVES,
                "since": "",
                "next": "",
                "more": False,
                "sessions": self._ended,
                "keys": {},
            },
        )

    def _sign(self, kind: str, claims: dict[str, Any]) -> str:
        header = {"alg": "EdDSA", "kid": KEY_ID, "typ": kind}
        return jwt.encode(header, claims, self._key, registry=REGISTRIES["EdDSA"])
