"""The clock and the random source: no other module reads them."""

import base64
import os
import time
from datetime import UTC, datetime
from uuid import UUID


class Ambient:
    """The real clock and random source. Tests pass their own."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - the one place

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back."""
        return time.monotonic()  # noqa: TID251 - the one place

    def random_bytes(self, count: int) -> bytes:
        """Bytes from the operating system's CSPRNG."""
        return os.urandom(count)  # noqa: TID251 - the one place

    def new_id(self) -> str:
        """144 random bits as 24 base64url characters: token ids, session ids, request ids."""
        return base64.urlsafe_b64encode(self.random_bytes(18)).decode()

    def new_uuid(self) -> UUID:
        """A random (version 4) UUID: user ids."""
        return UUID(bytes=self.random_bytes(16), version=4)
