"""Visits every state that a model can reach, nearest first."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

S = TypeVar("S")


def explore(
    start: S,
    steps: Callable[[S], Iterable[tuple[str, S]]],
    is_wanted: Callable[[S], bool],
    canonical: Callable[[S], S] = lambda state: state,
) -> tuple[list[str], int]:
    """The shortest way to a state that is wanted, empty if there is none; and how many states were seen.

    `canonical` gives one state for all that differ in nothing that matters.
    """
    came_from: dict[S, tuple[S, str] | None] = {start: None}
    layer = [start]
    while layer:
        following = []
        for state in layer:
            for name, step in steps(state):
                after = canonical(step)
                if after not in came_from:
                    came_from[after] = (state, name)
                    if is_wanted(after):
                        return _way_to(after, came_from), len(came_from)
                    following.append(after)
        layer = following
    return [], len(came_from)


def _way_to(state: S, came_from: Mapping[S, tuple[S, str] | None]) -> list[str]:
    way = []
    while step := came_from[state]:
        state, name = step
        way.append(name)
    return way[::-1]
