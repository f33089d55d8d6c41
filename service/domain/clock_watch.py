"""Whether the clock of this instance is right, by its latest comparison with that of Postgres."""

import structlog

from service.errors import MisfitError

log = structlog.get_logger(__name__)


class ClockWatch:
    def __init__(self) -> None:
        self._wrong = ""

    def note(self, wrong: str) -> None:
        """`wrong`: which clock to set, and by how much; empty when ours is right."""
        before, self._wrong = self._wrong, wrong
        if wrong and wrong != before:
            log.error("clocks differ", which=wrong)
        elif before and not wrong:
            log.warning("clocks agree again")

    @property
    def is_right(self) -> bool:
        return not self._wrong

    def require_right(self) -> None:
        """Raises MisfitError: with a wrong clock, valid tokens would be refused and new ones misdated."""
        if self._wrong:
            raise MisfitError("wrong_clock")
