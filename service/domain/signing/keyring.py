"""The signing keys in one instance: loaded from Postgres, decrypted, published as a key set, reloaded on demand."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from service.ambient import Ambient
from service.domain.seals import LOCKED_OUT, Purpose, Seals
from service.domain.signing.key_states import KeyState, gone_at, in_state
from service.domain.signing.longest_lifetimes import LongestLifetimes
from service.domain.signing.models import StoredKey
from service.domain.signing.ports import SigningKeys
from service.errors import UnavailableError
from service.operator_errors import ConfigurationError, DamagedDataError, UnknownSecretError
from service.settings import TokenSettings
from service.shared_reload import SharedReload

LOOK_EVERY = 10.0  # seconds between two reloads for unknown `kid`s
LOOK_AFTER_FAILURE = 1.0
SEALS_FRESH = 1.0  # seconds


class KeyPair(NamedTuple):
    kid: str  # the RFC 7638 thumbprint
    algorithm: str  # the JWS algorithm, the only one this key is used with
    key: Key
    gone_at: datetime | None


class KeyRing:
    """All keys that verify, and the one that signs. Empty until the first `load`."""

    def __init__(
        self, stored: SigningKeys, seals: Seals, ambient: Ambient, settings: TokenSettings, lifetimes: LongestLifetimes
    ) -> None:
        self._stored = stored
        self._lifetimes = lifetimes
        self._seals = seals
        self._ambient = ambient
        self._settings = settings
        self._pairs: dict[str, KeyPair] = {}
        self._turn = asyncio.Lock()  # so that an older read never replaces a newer one
        self._look = SharedReload(self.load, ambient, LOOK_EVERY, LOOK_AFTER_FAILURE)
        self._seal_look = SharedReload(self._check_seals, ambient, SEALS_FRESH, 0.0)
        self.rows: Sequence[StoredKey] = ()
        self.jwks = b'{"keys":[]}'

    async def load(self) -> None:
        """Read the keys. If there are none, create the first two: the active one and its successor.

        Raises ConfigurationError when no secret that is set can open the sealed keys.
        """
        async with self._turn:
            await self._lifetimes.refresh()
            rows = await self._stored.all()
            if not rows:
                await self._stored.add_first(*await asyncio.to_thread(self._first))
                rows = await self._stored.all()
            self._take(rows)

    async def look_again(self) -> None:
        """Reload the keys for an unknown `kid`. Concurrent callers share one reload; at most one in 10 s.

        Raises the store's outage, also for 1 s after it: until then it is unknown whether the key is ours.
        """
        await self._look.ask()

    @property
    def signing(self) -> KeyPair:
        """Raises UnavailableError until the keys are loaded."""
        active = self.in_state(KeyState.ACTIVE)
        if not active:
            raise UnavailableError
        return self._pairs[active[0].kid]

    @property
    def algorithms(self) -> list[str]:
        """The JWS algorithms of all keys that verify."""
        return sorted({pair.algorithm for pair in self._pairs.values()})

    def in_state(self, state: KeyState) -> list[StoredKey]:
        return in_state(self.rows, state, self._ambient.now(), self._lifetimes.token)

    def verifying(self, kid: object) -> KeyPair | None:
        """Raises UnavailableError until the keys are loaded."""
        if not self._pairs:
            raise UnavailableError
        pair = self._pairs.get(kid) if isinstance(kid, str) else None
        if pair is None or (pair.gone_at is not None and self._ambient.now() >= pair.gone_at):
            return None
        return pair

    async def require_known_secret(self) -> None:
        """Raises UnknownSecretError when the loaded keys were re-sealed with a secret that is not set here.

        At most one read a second, shared by all callers: clients can send unknown API keys at any rate. Raises the
        store's outage.
        """
        await self._seal_look.ask()

    async def _check_seals(self) -> None:
        for row in await self._stored.all():
            if row.kid in self._pairs and not self._seals.knows(Purpose.SIGNING_KEY_SEAL, row.sealed_private_jwk):
                raise UnknownSecretError(LOCKED_OUT)

    def make(self) -> StoredKey:
        """A new key, sealed. Takes up to a second: do not call on the event loop."""
        algorithm, key = _generate(self._settings.algorithm)
        while key.thumbprint().startswith("-"):  # `keys retire` would parse such a name as an option
            algorithm, key = _generate(self._settings.algorithm)
        kid = key.thumbprint()
        private = json.dumps(key.as_dict(private=True)).encode()
        return StoredKey(
            kid=kid,
            algorithm=algorithm,
            public_jwk=json.dumps(key.as_dict(private=False)),
            sealed_private_jwk=self._seals.seal(Purpose.SIGNING_KEY_SEAL, private, kid),
            created_at=self._ambient.now(),
        )

    def _first(self) -> tuple[StoredKey, StoredKey]:
        """Both are in the first published key set, so no verifier can have cached a set without the second."""
        return replace(self.make(), activates_at=self._ambient.now()), self.make()

    def _take(self, rows: Sequence[StoredKey]) -> None:
        now, longest = self._ambient.now(), self._lifetimes.token
        live = [
            key
            for state in (KeyState.ACTIVE, KeyState.NEXT, KeyState.RETIRED)
            for key in in_state(rows, state, now, longest)
        ]
        self._pairs = {key.kid: self._pair(key) for key in live}
        self.rows = rows
        self.jwks = json.dumps({"keys": [_published(key) for key in live]}, separators=(",", ":")).encode()

    def _pair(self, row: StoredKey) -> KeyPair:
        """The `kid` is a digest of the key, so a key that is loaded already need not be decrypted again."""
        held = self._pairs.get(row.kid)
        key = held.key if held else self._open(row)
        return KeyPair(row.kid, row.algorithm, key, gone_at(row, self._lifetimes.token))

    def _open(self, row: StoredKey) -> Key:
        try:
            private = json.loads(self._seals.open(Purpose.SIGNING_KEY_SEAL, row.sealed_private_jwk, row.kid))
        except DamagedDataError:
            raise ConfigurationError(LOCKED_OUT) from None
        key: Key = _KINDS[private["kty"]].import_key(private)
        return key


_KINDS: dict[str, Any] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}


def _generate(kind: str) -> tuple[str, Key]:
    match kind:
        case "ES256":
            return "ES256", ECKey.generate_key("P-256", private=True)
        case "Ed25519":
            return "EdDSA", OKPKey.generate_key("Ed25519", private=True)
        case "RS256-3072":
            return "RS256", RSAKey.generate_key(3072, private=True)
        case _:
            return "RS256", RSAKey.generate_key(2048, private=True)


def _published(key: StoredKey) -> dict[str, str]:
    return {**json.loads(key.public_jwk), "kid": key.kid, "use": "sig", "alg": key.algorithm}
