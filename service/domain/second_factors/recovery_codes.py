"""Recovery codes: for somebody whose phone is gone. Each is good once, and only keyed digests of them are stored."""

import re
from dataclasses import dataclass
from uuid import UUID

from service.ambient import Ambient
from service.domain.seals import Purpose, Seals

COUNT = 10
CODE_BYTES = 10
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base32: no I, L, O or U
LOOK_ALIKES = str.maketrans("OIL", "011")
SHAPE = re.compile(rf"[{ALPHABET}]{{16}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class RecoveryCodes:
    seals: Seals
    ambient: Ambient

    def make(self, user_id: UUID) -> tuple[list[str], list[bytes]]:
        """A set of new codes, and their digests."""
        codes = [_encode(self.ambient.random_bytes(CODE_BYTES)) for _ in range(COUNT)]
        return codes, [self.digests(user_id, code)[0] for code in codes]

    def digests(self, user_id: UUID, typed: str) -> list[bytes]:
        """A digest per secret, the current one first; none for what is no recovery code."""
        code = typed.upper().replace("-", "").translate(LOOK_ALIKES)
        if not typed.isascii() or not SHAPE.fullmatch(code):
            return []
        return self.seals.digests(Purpose.RECOVERY_CODE, f"{user_id}|{code}")


def _encode(secret: bytes) -> str:
    """80 bits as XXXX-XXXX-XXXX-XXXX."""
    number = int.from_bytes(secret)
    text = "".join(ALPHABET[number >> shift & 31] for shift in range(75, -1, -5))
    return "-".join(text[at : at + 4] for at in range(0, 16, 4))
