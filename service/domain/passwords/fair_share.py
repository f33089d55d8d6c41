"""Waiting places, shared fairly between sources: whose turn it is, and which place is lost when none is free."""

from collections import Counter
from dataclasses import dataclass
from typing import Generic, TypeVar


@dataclass(slots=True, kw_only=True, eq=False)
class Waiting:
    """One place. It is `ready` once it has a job."""

    source: str
    account: str | None
    since: float  # seconds of the monotonic clock
    ready: bool = False


PlaceT = TypeVar("PlaceT", bound=Waiting)


class FairShare(Generic[PlaceT]):
    """A source may hold all places while no other source asks. When one does and no place is free:

    - a newcomer whose source holds at least two places fewer than the source with most takes that source's newest
      place, unless the newcomer's account has half of all places already;
    - when one account has more than half of all places, spread over many sources, a newcomer for another account takes
      the newest of them that belongs to a source with more places than its own.

    So neither a source nor an account can shut the others out, and no two sources take places from each other in turn.
    """

    def __init__(self) -> None:
        self.count = 0
        self.ready = 0
        self._lines: dict[str, list[PlaceT]] = {}  # by source, oldest place first; first the source whose turn it is
        self._accounts: Counter[str] = Counter()

    def __contains__(self, place: PlaceT) -> bool:
        return place in self._lines.get(place.source, ())

    def all(self) -> list[PlaceT]:
        return [place for line in self._lines.values() for place in line]

    def add(self, place: PlaceT) -> None:
        self._lines.setdefault(place.source, []).append(place)
        self.count += 1
        self.ready += place.ready
        if place.account is not None:
            self._accounts[place.account] += 1

    def make_ready(self, place: PlaceT) -> None:
        place.ready = True
        self.ready += 1

    def remove(self, place: PlaceT) -> None:
        self._lines[place.source].remove(place)
        if not self._lines[place.source]:
            del self._lines[place.source]
        self.count -= 1
        self.ready -= place.ready
        if place.account is not None:
            self._accounts[place.account] -= 1
            if not self._accounts[place.account]:
                del self._accounts[place.account]

    def take(self) -> PlaceT | None:
        """Remove the oldest ready place of the source whose turn it is."""
        for source, line in self._lines.items():
            for place in line:
                if place.ready:
                    self.remove(place)
                    if source in self._lines:
                        self._lines[source] = self._lines.pop(source)  # to the end: now it is the others' turn
                    return place
        return None

    def loser_to(self, source: str, account: str | None) -> PlaceT | None:
        """The place that a newcomer takes, if any."""
        return self._of_crowding_source(source, account) or self._of_crowding_account(source, account)

    def _of_crowding_source(self, source: str, account: str | None) -> PlaceT | None:
        if account is not None and self._accounts[account] * 2 >= self.count:
            return None
        longest = max(self._lines.values(), key=len, default=[])
        return longest[-1] if len(longest) >= self._held_by(source) + 2 else None

    def _of_crowding_account(self, source: str, account: str | None) -> PlaceT | None:
        crowd, held = max(self._accounts.items(), key=lambda item: item[1], default=("", 0))
        if crowd == account or held * 2 <= self.count:
            return None
        longer = [line for line in self._lines.values() if len(line) > self._held_by(source)]
        candidates = [place for line in longer for place in line if place.account == crowd]
        return max(reversed(candidates), key=lambda place: place.since, default=None)

    def _held_by(self, source: str) -> int:
        return len(self._lines.get(source, ()))
