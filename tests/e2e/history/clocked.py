"""A Redis whose wall clock can be set while it runs, by libfaketime."""

from pathlib import Path

from service.embedded import EmbeddedRedis
from service.embedded.identity import Identity
from tests.support import programs


class ClockedRedis(EmbeddedRedis):
    _library: Path | None = None

    @property
    def _clock(self) -> Path:
        return self.data / "clock"

    def put_under_a_clock(self) -> None:
        """From the next start on. Skips the test where there is no libfaketime."""
        self._library = programs.find_library("libfaketime", "libfaketime.so.1")

    def set_clock(self, ahead: int) -> None:
        """By so many seconds of the right time."""
        self._clock.write_text(f"{ahead:+d}\n")
        self._clock.chmod(0o644)

    def _prepare(self, claim: int) -> tuple[Identity, list[str | Path]]:
        identity, command = super()._prepare(claim)
        if self._library is None:
            return identity, command
        self.set_clock(0)
        told = {
            "LD_PRELOAD": self._library,
            "FAKETIME_TIMESTAMP_FILE": self._clock,
            "FAKETIME_NO_CACHE": 1,
            "FAKETIME_DONT_FAKE_MONOTONIC": 1,
        }
        return identity, ["/usr/bin/env", *(f"{name}={value}" for name, value in told.items()), *command]
