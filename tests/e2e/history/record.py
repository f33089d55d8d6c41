"""What a run leaves behind: every operation with its answer, and every fault with what it may cost."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from uuid import UUID

UNKNOWN = (0, 500, 502, 503, 504)  # after these answers, or none, the operation may have been done or not
TAKEN = (200, 201, 204)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    kind: str
    instance: int
    person: str
    began: float
    ended: float
    status: int  # 0: no answer
    session: str = ""  # whose token was shown, or that a login opened
    ends: tuple[str, ...] = ()  # the sessions that it was to end
    password: str = ""  # that was shown, or set by a sign-up
    new_password: str = ""
    wait: int = 0  # Retry-After
    spent_at: float = 0.0  # when the answer came that spent the refresh token shown

    @property
    def seconds(self) -> float:
        return self.ended - self.began

    @property
    def may_be_done(self) -> bool:
        return self.status in TAKEN or self.status in UNKNOWN

    def told(self, since: float) -> str:
        shown = f" of {self.session}" if self.session else ""
        when = f"{self.began - since:.2f}-{self.ended - since:.2f}"
        return f"{when} {self.person}: {self.kind}{shown} at instance {self.instance}: {self.status}"


def nothing(key: str) -> bool:
    return False


def everything(key: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    began: float
    ended: float
    forgets: Callable[[str], bool] = nothing  # which keys of Redis are lost, however old
    lags: bool = False  # what was written shortly before may be lost

    def touches(self, moment: float) -> bool:
        return self.began <= moment <= self.ended


@dataclass
class History:
    operations: list[Operation] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    stalls: list[tuple[float, float]] = field(default_factory=list)  # when the machine, not the service, was late
    users: dict[str, UUID] = field(default_factory=dict)  # the id of each person

    @contextmanager
    def fault(self, name: str, forgets: Callable[[str], bool] = nothing, *, lags: bool = False) -> Iterator[None]:
        began = monotonic()
        try:
            yield
        finally:
            self.faults.append(Fault(name, began, monotonic(), forgets, lags))

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """Instances are frozen: what waits for them waits for nobody's fault."""
        began = monotonic()
        try:
            yield
        finally:
            self.stalls.append((began, monotonic()))

    def outages(self) -> Iterator[tuple[Fault, float]]:
        """For each fault, the seconds from the first 503 after it began to the last before the next one."""
        bounds = [*(fault.began for fault in self.faults[1:]), float("inf")]
        for fault, end in zip(self.faults, bounds, strict=True):
            refused = [one for one in self.operations if one.status == 503 and fault.began <= one.ended < end]
            yield (
                fault,
                max((one.ended for one in refused), default=0) - min((one.began for one in refused), default=0),
            )
