"""Round-trip times and errors of a store, recorded by its connections for the metrics."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from service.ambient import Ambient
from service.histogram import Histogram
from service.operator_errors import ConfigurationError


class Connections(NamedTuple):
    """Of a pool; `most` is its limit."""

    in_use: int
    idle: int
    most: int


class Timings:
    """Round trips to one store, including the wait for a connection."""

    def __init__(self) -> None:
        self._clock = Ambient().monotonic  # the event loop's own may count in whole milliseconds
        self.seconds = Histogram()
        self.errors: Counter[str] = Counter()  # by the exception's class

    @contextmanager
    def timed(self, outages: tuple[type[Exception], ...]) -> Iterator[None]:
        """Time one round trip. Exceptions of the classes `outages` count as errors of the store."""
        started = self._clock()
        try:
            yield
        except outages as error:
            self.fail(error)
            raise
        finally:
            self.seconds.add(self._clock() - started)

    def fail(self, error: Exception) -> None:
        cause = error.__cause__ if isinstance(error, ConfigurationError) and error.__cause__ else error
        self.errors[type(cause).__name__] += 1
