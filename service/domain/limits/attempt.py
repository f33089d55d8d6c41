"""What becomes of a login attempt that the limits admitted."""

from collections.abc import Iterator
from contextlib import contextmanager

from service.domain.limits.charges import Verdict


class Attempt:
    """An admitted login attempt. It counts as failed unless one of these is called."""

    def __init__(self) -> None:
        self.verdict = Verdict.FAILED
        self.fails = False  # however it is left

    def succeeded(self) -> None:
        self.verdict = Verdict.SUCCEEDED

    def refund(self) -> None:
        """It is right so far, and no whole login: its source does not become a known one."""
        self.verdict = Verdict.UNJUDGED

    @contextmanager
    def failing(self) -> Iterator[None]:
        """Whoever breaks off inside, which may be a visitor who has learnt enough from the time, has failed."""
        self.fails = True
        yield
        self.fails = False
