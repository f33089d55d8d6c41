"""What each scheme costs, and how it is computed. Each releases Python's lock while it computes."""

import hashlib
import hmac
import threading
from collections.abc import Callable, Mapping
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from service.domain.foreign_hashes.phc import PhcHash, UnusableHashError, of_base64

try:
    from argon2.low_level import Type, hash_secret_raw
except ImportError:  # the extra `import` is not installed
    hash_secret_raw = None  # type: ignore[assignment] # asked for below

MOST_MEMORY = 256 << 20  # bytes, for one hash
MOST_ITERATIONS = 2_000_000  # of PBKDF2
MOST_LOG_N = 17  # of scrypt
MOST_BLOCKS = 1 << 22  # n x r x p of scrypt: four times what its memory cap alone allows
MOST_KIB_PASSES = 1 << 20  # memory in KiB x passes of argon2: a second or so
MOST_LANES = 16
SALT = range(4, 129)  # bytes
DIGEST = range(16, 129)
SCRYPT_OVERHEAD = 1 << 20  # of OpenSSL, above the 128 x n x r bytes that scrypt itself needs
AES_BLOCK = bytes(16)
ARGON2_13 = 19
# Workers of the hash queue outnumber the cores: hashes that need much memory are computed one after the other.
_MEMORY = threading.Lock()


class Scheme(NamedTuple):
    check: Callable[[PhcHash], None]  # raises UnusableHashError for what is malformed or above a cap
    digest: Callable[[PhcHash, bytes], bytes]


def parse(stored: str) -> PhcHash:
    """A hash that may be computed: the caps hold here, whenever it was stored. Raises UnusableHashError."""
    found = PhcHash.parse(stored)
    scheme = SCHEMES.get(found.name)
    if scheme is None:
        raise UnusableHashError(f"the scheme {found.name} is not known")
    _within("the length of its salt", len(found.salt), SALT)
    _within("the length of its digest", len(found.digest), DIGEST)
    scheme.check(found)
    return found


def is_right(found: PhcHash, password: str) -> bool:
    """A password with a NUL never is: HMAC, below most of these, takes a key as equal to itself and some NULs."""
    if "\0" in password:
        raise ValueError("a NUL")
    return hmac.compare_digest(SCHEMES[found.name].digest(found, password.encode()), found.digest)


def _within(what: str, number: int, allowed: range) -> None:
    if number not in allowed:
        raise UnusableHashError(f"{what} is {number}, not {allowed.start} to {allowed.stop - 1}")


def _check_pbkdf2(found: PhcHash) -> None:
    """Every further block of the digest costs the iterations again."""
    iterations = found.number("i")
    blocks = -(-len(found.digest) // hashlib.new(found.name.removeprefix("pbkdf2-")).digest_size)
    _within("i", iterations, range(1, MOST_ITERATIONS + 1))
    _within("i x blocks of the digest", iterations * blocks, range(1, MOST_ITERATIONS + 1))


def _pbkdf2(found: PhcHash, password: bytes) -> bytes:
    function = found.name.removeprefix("pbkdf2-")
    return hashlib.pbkdf2_hmac(function, password, found.salt, found.number("i"), len(found.digest))


def _check_scrypt(found: PhcHash) -> None:
    _within("ln", found.number("ln"), range(1, MOST_LOG_N + 1))
    _within("r", found.number("r"), range(1, 33))
    _within("p", found.number("p"), range(1, 17))
    blocks = found.number("r") << found.number("ln")
    _within("memory in MiB", (128 * blocks) >> 20, range((MOST_MEMORY >> 20) + 1))
    _within("ln, r and p together", blocks * found.number("p"), range(MOST_BLOCKS + 1))


def _scrypt(found: PhcHash, password: bytes, salt: bytes | None = None, length: int | None = None) -> bytes:
    n, r, p = 1 << found.number("ln"), found.number("r"), found.number("p")
    with _MEMORY:
        return hashlib.scrypt(
            password,
            salt=found.salt if salt is None else salt,
            n=n,
            r=r,
            p=p,
            maxmem=128 * r * (n + p) + SCRYPT_OVERHEAD,
            dklen=length or len(found.digest),
        )


def _check_firebase(found: PhcHash) -> None:
    _check_scrypt(found)
    if len(of_base64(found.parameters.get("sk", ""))) != len(found.digest):
        raise UnusableHashError("its signer key (sk) is not as long as the digest")
    of_base64(found.parameters.get("ss", ""))


def _firebase(found: PhcHash, password: bytes) -> bytes:
    """Firebase's own: what scrypt derives is the key that encrypts the signer key of the project."""
    separator, signer_key = of_base64(found.parameters["ss"]), of_base64(found.parameters["sk"])
    key = _scrypt(found, password, found.salt + separator, 32)
    encryptor = Cipher(algorithms.AES(key), modes.CTR(AES_BLOCK)).encryptor()
    return encryptor.update(signer_key) + encryptor.finalize()


def _check_argon2(found: PhcHash) -> None:
    if hash_secret_raw is None:
        raise UnusableHashError("argon2 needs argon2-cffi: install the extra import")
    if found.version not in (16, ARGON2_13):
        raise UnusableHashError("its version of argon2 is not known")
    memory, passes, lanes = found.number("m"), found.number("t"), found.number("p")
    _within("p", lanes, range(1, MOST_LANES + 1))
    _within("m", memory, range(8 * lanes, (MOST_MEMORY >> 10) + 1))
    _within("m x t", memory * passes, range(1, MOST_KIB_PASSES + 1))
    _within("the length of its salt", len(found.salt), range(8, SALT.stop))


def _argon2(found: PhcHash, password: bytes) -> bytes:
    with _MEMORY:
        return hash_secret_raw(
            secret=password,
            salt=found.salt,
            time_cost=found.number("t"),
            memory_cost=found.number("m"),
            parallelism=found.number("p"),
            hash_len=len(found.digest),
            type={"argon2i": Type.I, "argon2d": Type.D, "argon2id": Type.ID}[found.name],
            version=found.version or ARGON2_13,
        )


SCHEMES: Mapping[str, Scheme] = {
    "pbkdf2-sha1": Scheme(_check_pbkdf2, _pbkdf2),
    "pbkdf2-sha256": Scheme(_check_pbkdf2, _pbkdf2),
    "pbkdf2-sha512": Scheme(_check_pbkdf2, _pbkdf2),
    "scrypt": Scheme(_check_scrypt, _scrypt),
    "firebase-scrypt": Scheme(_check_firebase, _firebase),
    "argon2i": Scheme(_check_argon2, _argon2),
    "argon2d": Scheme(_check_argon2, _argon2),
    "argon2id": Scheme(_check_argon2, _argon2),
}
