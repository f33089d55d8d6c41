"""What the model of the epoch marker's protocol consists of."""

from typing import NamedTuple

NOBODY = -1
Identity = tuple[int, ...]
Marker = Identity | int | None  # an int is what a restoring puts there meanwhile


class Server(NamedTuple):
    primary: bool
    run: int = 0  # another one after each restart
    history: int = 0  # another one after each restart and each promotion; a replica takes over its primary's
    marker: Marker = None
    denies: bool = False  # holds the session's entry


class Instance(NamedTuple):
    term: int = 0
    server: int = 0  # that the topology named in that term, when this instance looked last
    fresh: bool = True
    ending: str = ""
    restoring: str = ""
    waited: int = 0  # the term that it waited for
    pending: int = 0  # what it put into the marker
    identity: Identity = ()  # what it will put there
    read: bool = False  # Postgres said that the session is over


class State(NamedTuple):
    servers: tuple[Server, ...]
    instances: tuple[Instance, ...]
    left: tuple[tuple[str, int], ...]  # faults that may still happen
    term: int = 0
    named: int = 0
    given: int = 0  # the last number of a run or a history
    committed: bool = False
    acknowledged: bool = False
    lock: int = NOBODY

    def with_server(self, number: int, **changes: object) -> "State":
        server = self.servers[number]._replace(**changes)  # type: ignore[arg-type] # a field and its value
        return self._replace(servers=(*self.servers[:number], server, *self.servers[number + 1 :]))

    def with_instance(self, number: int, **changes: object) -> "State":
        instance = self.instances[number]._replace(**changes)  # type: ignore[arg-type] # as above
        return self._replace(instances=(*self.instances[:number], instance, *self.instances[number + 1 :]))


def alike(state: State) -> State:
    """One of the states that differ in nothing but in which of two instances is which."""
    if len(state.instances) != 2 or state.instances[0] <= state.instances[1]:
        return state
    lock = state.lock if state.lock == NOBODY else 1 - state.lock
    return state._replace(instances=state.instances[::-1], lock=lock)
