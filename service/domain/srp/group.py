"""The group with 3072 bits (RFC 5054 appendix A), and powers in it.

The one user of the library `gmpy2`, which is an extra: a power costs it less than a millisecond, during which other
threads run. Python's own `pow` takes some five, and holds up the event loop for that time.
"""

import importlib
from functools import cache
from importlib.util import find_spec
from typing import Any

LIBRARY = "gmpy2"
MODULUS = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"
    "15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7"
    "ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C"
    "BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF",
    16,
)
GENERATOR = 2
BYTES = 384  # of a number below the modulus


def is_installed() -> bool:
    """Whether there is more than Python's own `pow`. Without importing it."""
    return find_spec(LIBRARY) is not None


def power(base: int, exponent: int) -> int:
    """Modulo the modulus, for a positive exponent. Costs milliseconds: it belongs into the hash queue."""
    library = _library()
    if library is None:
        return pow(base, exponent, MODULUS)
    with library.context(allow_release_gil=True):
        # The one whose time does not depend on the exponent.
        return int(library.powmod_sec(base, exponent, MODULUS))


@cache
def _library() -> Any:  # noqa: ANN401 - it may be missing, and has no types then
    return importlib.import_module(LIBRARY) if is_installed() else None
