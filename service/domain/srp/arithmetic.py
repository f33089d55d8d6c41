"""What both sides of SRP-6a compute, with Cognito's rules for padding and its derivation of the key.

Numbers are hashed as the shortest big-endian two's complement: a zero byte precedes a number whose first bit is set.
The names are those of RFC 5054 in words: A and B are the public values, u the scrambler, v the verifier.
"""

import hashlib
import hmac
from uuid import UUID

from service.domain.srp.group import BYTES, GENERATOR, MODULUS, power

INFO = b"Caldera Derived Key"
KEY_BYTES = 16


def padded(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def _hash(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha256(b"".join(parts)).digest(), "big")


MULTIPLIER = _hash(padded(MODULUS), bytes([GENERATOR]))  # k


def verifier_of(pool_name: str, user_id: UUID, password: str, salt: bytes) -> bytes:
    """v. Costs a power."""
    identity = hashlib.sha256(f"{pool_name}{user_id}:{password}".encode("utf-8", "surrogatepass")).digest()
    exponent = _hash(padded(int.from_bytes(salt, "big")), identity)
    return power(GENERATOR, exponent).to_bytes(BYTES, "big")


def public_value(verifier: int, secret: int) -> int:
    """B. Costs a power."""
    return (MULTIPLIER * verifier + power(GENERATOR, secret)) % MODULUS


def scrambler(client_value: int, server_value: int) -> int:
    """u."""
    return _hash(padded(client_value), padded(server_value))


def session_key(client_value: int, verifier: int, mixed: int, secret: int) -> bytes:
    """Of A, v, u and the server's own secret. Costs two powers."""
    shared = power(client_value * power(verifier, mixed) % MODULUS, secret)
    extracted = hmac.digest(padded(mixed), padded(shared), "sha256")
    return hmac.digest(extracted, INFO + b"\x01", "sha256")[:KEY_BYTES]


def signature(key: bytes, pool_name: str, user_id: UUID, block: bytes, timestamp: str) -> bytes:
    """What a client that has the key claims to have the password with."""
    return hmac.digest(key, f"{pool_name}{user_id}".encode() + block + timestamp.encode(), "sha256")
