"""bcrypt in the lanes of `service.native`, where it was built and agrees with the bcrypt package."""

from collections.abc import Sequence

import bcrypt as package
import structlog
from passlib.hash import bcrypt, bcrypt_sha256
from passlib.utils.binary import bcrypt64

from service.operator_errors import ConfigurationError
from service.settings import PasswordEngine

try:
    from service.native import _lanes as _native
except ImportError:  # built without a C compiler
    _native = None  # type: ignore[assignment] # asked for below

log = structlog.get_logger()

IS_BUILT = _native is not None
SAMPLES = (b"", b"correct horse battery staple", b"\xff\x00" * 36)


class Lanes:
    """A number of cores, each with lanes that the calling threads share."""

    def __init__(self, cores: int) -> None:
        self.per_core: int = _native.LANES
        self.pool = _native.Pool(cores)

    def digest(self, password: bytes, salt: str, cost: int) -> str:
        """bcrypt of at most 72 bytes. Salt and digest are in bcrypt's own base 64."""
        return str(
            bcrypt64.encode_bytes(self.pool.digest(password, bcrypt64.decode_bytes(salt.encode()), cost)), "ascii"
        )

    def handlers(self) -> Sequence[type]:
        """passlib's bcrypt_sha256 and bcrypt, computed here."""
        digest = self.digest

        class InLanes(bcrypt):  # type: ignore[misc] # passlib has no types
            def _calc_checksum(self, secret: str | bytes) -> str:
                password, _ = self._prepare_digest_args(secret)
                return digest(password, self.salt, self.rounds)

        class Sha256InLanes(bcrypt_sha256, InLanes):  # type: ignore[misc] # as above
            """Prepares a key, and leaves the rest to the next class: InLanes."""

        return Sha256InLanes, InLanes

    def agrees_with_the_package(self) -> bool:
        """Whether some passwords have the digests that the bcrypt package gives them."""
        config = package.gensalt(4)
        salt = config[-22:].decode()
        return all(
            package.hashpw(password, config)[-31:].decode() == self.digest(password, salt, 4) for password in SAMPLES
        )


def lanes_for(engine: PasswordEngine, cores: int) -> Lanes | None:
    """None when the bcrypt package shall compute. Raises ConfigurationError when lanes are asked for in vain."""
    if engine == "wheel":
        return None
    if not IS_BUILT:
        trouble = "was not built; install a C compiler and Python's headers, then this package again"
    else:
        lanes = Lanes(cores)
        if lanes.agrees_with_the_package():
            return lanes
        trouble = "does not compute what the bcrypt package does; report this"
        log.error("the compiled password engine is not used", reason=trouble)
    if engine == "lanes":
        raise ConfigurationError(f"passwords.engine is lanes, but the compiled engine {trouble}, or set it to auto")
    return None
