"""The signing keys: made once, sealed in Postgres, the same on every instance."""

import asyncio
import json
from typing import Any, NamedTuple

from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from service.ambient import Ambient
from service.domain.models import StoredKey
from service.domain.ports import SigningKeys
from service.domain.seals import Purpose, Seals
from service.errors import ConfigurationError, DamagedDataError, UnavailableError


class KeyPair(NamedTuple):
    kid: str  # the RFC 7638 thumbprint
    algorithm: str  # the JWS algorithm, the only one this key is used with
    key: Key


class KeyRing:
    """All keys that verify, and the one that signs. Empty until `load` has found them."""

    def __init__(self, stored: SigningKeys, seals: Seals, ambient: Ambient, kind: str) -> None:
        self._stored = stored
        self._seals = seals
        self._ambient = ambient
        self._kind = kind
        self._pairs: dict[str, KeyPair] = {}
        self._signing: KeyPair | None = None
        self.jwks = b'{"keys":[]}'

    async def load(self) -> None:
        """Read the keys, making the first one if there is none.

        Raises ConfigurationError when the secret does not open what is sealed in the database.
        """
        keys = await self._stored.all()
        if not keys:
            await self._stored.add_first(await asyncio.to_thread(self.make))
            keys = await self._stored.all()
        pairs = [self._open(key) for key in keys]
        self._pairs = {pair.kid: pair for pair in pairs}
        self._signing = pairs[0]
        self.jwks = json.dumps({"keys": [_published(key) for key in keys]}, separators=(",", ":")).encode()

    @property
    def signing(self) -> KeyPair:
        """Raises UnavailableError until the keys are loaded."""
        if self._signing is None:
            raise UnavailableError
        return self._signing

    def verifying(self, kid: object) -> KeyPair | None:
        if self._signing is None:
            raise UnavailableError
        return self._pairs.get(kid) if isinstance(kid, str) else None

    def make(self) -> StoredKey:
        """A new key, sealed. Takes up to a second: not on the event loop."""
        algorithm, key = _generate(self._kind)
        kid = key.thumbprint()
        private = json.dumps(key.as_dict(private=True)).encode()
        return StoredKey(
            kid=kid,
            algorithm=algorithm,
            public_jwk=json.dumps(key.as_dict(private=False)),
            sealed_private_jwk=self._seals.seal(Purpose.SIGNING_KEY_SEAL, private, kid),
            created_at=self._ambient.now(),
        )

    def _open(self, stored: StoredKey) -> KeyPair:
        try:
            private = json.loads(self._seals.open(Purpose.SIGNING_KEY_SEAL, stored.sealed_private_jwk, stored.kid))
        except DamagedDataError:
            raise ConfigurationError(
                "TOKENHOUSE_SECRET_KEY does not open the signing keys in the database: set the secret they were made"
                " with, or keep that one in TOKENHOUSE_SECRET_KEYS_PREVIOUS"
            ) from None
        return KeyPair(stored.kid, stored.algorithm, _KINDS[private["kty"]].import_key(private))


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
