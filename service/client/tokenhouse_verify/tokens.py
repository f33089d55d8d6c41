"""Validates tokens, apart from revocation, as strictly as the service does."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from joserfc import jws, jwt
from joserfc.jwa import EdDSAAlgorithm
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

KINDS: dict[str, tuple[Any, frozenset[str]]] = {  # the algorithms of each key type
    "RSA": (RSAKey, frozenset({"RS256"})),
    "EC": (ECKey, frozenset({"ES256"})),
    "OKP": (OKPKey, frozenset({"EdDSA"})),
}
COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{22,43}", re.ASCII)
MAX_TOKEN = 8000
AUDIENCE = {"id": "aud", "access": "client_id"}  # the claim that holds the client id
MAX_LIFETIME = 24 * 3600  # seconds; a token with a longer lifetime is refused


class InvalidTokenError(Exception):
    """The token is malformed, forged, expired, revoked, or for another use. Respond 401.

    The message says which, for your log. It quotes nothing of the token.
    """


class UnknownKeyError(InvalidTokenError):
    """Signed with a key that is not in the key set: a new key, or a forgery."""


class WrongIssuerError(InvalidTokenError):
    """The service signs for another issuer than this verifier expects: the settings of one of them are wrong."""

    def __init__(self, reported: str, claims: object) -> None:
        super().__init__(
            f"this verifier was told the issuer {reported!r}, but the service signs as {str(claims)[:200]!r}: use the"
            " service's tokens.issuer to the letter, and base_url where the service is reached at another address"
        )


class VerifyingKey(NamedTuple):
    kid: str
    algorithm: str
    key: Key


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of a valid token; `all` holds every one."""

    user_id: str
    session_id: str
    token_id: str
    key_id: str
    expires_at: int
    all: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Expected:
    """The issuer, client id and `token_use` (`id` or `access`) to accept; `leeway` in seconds."""

    issuer: str
    client_id: str
    use: str
    leeway: float


class _Registry(JWSRegistry):
    """joserfc warns about the name EdDSA (RFC 9864 prefers Ed25519), but the service signs with EdDSA."""

    algorithms = {**JWSRegistry.algorithms, "EdDSA": EdDSAAlgorithm()}  # noqa: RUF012 - joserfc's own class attribute
    algorithms["EdDSA"].security_warning = None


REGISTRIES = {name: _Registry(algorithms=[name]) for name in ("RS256", "ES256", "EdDSA")}


def keys_of(document: bytes) -> dict[str, VerifyingKey]:
    """The usable keys of a key set, by their ids; keys that cannot verify our tokens are skipped.

    Raises ValueError when none is left.
    """
    claims = json.loads(document)
    found = {}
    for one in claims.get("keys", ()) if isinstance(claims, dict) else ():
        kind, algorithms = KINDS.get(one.get("kty"), (None, frozenset()))
        if kind and one.get("alg") in algorithms and isinstance(one.get("kid"), str) and one.get("use") == "sig":
            found[one["kid"]] = VerifyingKey(one["kid"], one["alg"], kind.import_key(one))
    if not found:
        raise ValueError("no key set")
    return found


def read(token: str, kind: str, keys: Mapping[str, VerifyingKey]) -> tuple[VerifyingKey, dict[str, Any]]:
    """The key and claims of a JWT with `typ: kind`, after its signature is verified with the key's own algorithm.

    Raises UnknownKeyError or InvalidTokenError, also for any exception of the JOSE library on a hostile token.
    """
    try:
        header = jws.extract_compact(token.encode()).headers()
        algorithm, key = header["alg"], keys.get(header["kid"])
        fits = header.get("typ") == kind and algorithm in REGISTRIES and (key is None or key.algorithm == algorithm)
        claims = jwt.decode(token, key.key, registry=REGISTRIES[algorithm]).claims if fits and key else None
    except Exception as error:
        raise InvalidTokenError("it cannot be read, or its signature is not that of its key") from error
    if fits and key is None:
        raise UnknownKeyError("it is signed with a key that is not in the key set")
    if key is None or claims is None:
        raise InvalidTokenError(f"its header is not that of a {kind} which such a key signs")
    return key, claims


def claims_of(token: str, keys: Mapping[str, VerifyingKey], expected: Expected, now: float) -> Claims:
    """Checks all but revocation and expiry, which are checked at every use. Raises InvalidTokenError."""
    if len(token) > MAX_TOKEN or not COMPACT.fullmatch(token):
        raise InvalidTokenError("it is malformed: no JWT of three parts")
    key, claims = read(token, "JWT", keys)
    if fault := _fault_of(claims, expected, now):
        raise InvalidTokenError(fault)
    return Claims(claims["sub"], claims["origin_jti"], claims["jti"], key.kid, claims["exp"], claims)


def _fault_of(claims: Mapping[str, Any], expected: Expected, now: float) -> str:
    """The fault in words, or an empty string. Quotes this verifier's settings and nothing of the token."""
    audience = AUDIENCE[expected.use]
    times = claims.get("iat"), claims.get("exp")
    ids = claims.get("origin_jti"), claims.get("jti")
    if claims.get("iss") != expected.issuer:
        return f"it is of another issuer than {expected.issuer!r}"
    if claims.get("token_use") != expected.use:
        return f"it is for another use than {expected.use!r} (token_use)"
    if claims.get(audience) != expected.client_id:
        return f"it is for another client id than {expected.client_id!r} ({audience})"
    if (
        any(type(one) is not int for one in times)  # a bool is an int to isinstance
        or not all(isinstance(one, str) and IDENTIFIER.fullmatch(one) for one in ids)
        or not isinstance(claims.get("sub"), str)
    ):
        return "it is malformed: a claim is missing or of another type"
    if claims["iat"] > now + expected.leeway:
        return "it was issued in the future: do the clocks differ?"
    return "" if 0 < claims["exp"] - claims["iat"] <= MAX_LIFETIME else "it would live longer than any token may"
