"""Whether the clock of this instance can date anything: as it was last compared with that of Postgres."""

import structlog

from service.errors import MisfitError

log = structlog.get_logger(__name__)


class ClockWatch:
    def __init__(self) -> None:
        self._wrong = ""

    def note(self, wrong: str) -> None:
        """Which clock is to be set, and by how much; empty when ours is right."""
        before, self._wrong = self._wrong, wrong
        if wrong and wrong != before:
            log.error("clocks differ", which=wrong)
        elif before and not wrong:
            log.warning("clocks agree again")

    def require_right(self) -> None:
        """Raises MisfitError: by a wrong clock good tokens would be refused, and those that are issued misdated."""
        if self._wrong:
            raise MisfitError("wrong_clock")
