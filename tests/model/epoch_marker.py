"""The epoch marker's protocol as a small model, for an explorer that visits every state it can reach.

One partition of the denylist, one session, two Redis servers of which the topology (Sentinels, or the nodes of a cluster)
names one as primary, one Postgres, and instances that end the session, restore the denylist and answer questions. Each
step is one round trip, and any step of anybody may come next. What has no step of its own is covered by not taking one: a
frozen server, a slow instance, an instance cut off from the topology, a replica that lags.

Time is reduced to this: a look at the topology counts as fresh until it lapses, and whoever waits as long as a look stays
fresh knows that no look from before its own still counts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from tests.model.states import NOBODY, Identity, Instance, Server, State

Step = tuple[str, State]


@dataclass(frozen=True)
class Protocol:
    names: frozenset[str]  # what the marker says of the server: its run, its replication history, the topology's term
    lease: bool = False  # answers count while the look is fresh; restoring waits until earlier looks lapsed
    trusts_demotion: bool = False  # ... or until the earlier primary itself says that it is a replica
    looks_first: bool = False  # a restoring begins with a look
    pending_first: bool = False  # the pending marker is set before Postgres is read
    bound: bool = False  # a restoring is given up when the topology names another term meanwhile


EARLIER = Protocol(frozenset({"run"}))
WITH_SENTINELS = Protocol(
    frozenset({"history", "term"}), lease=True, trusts_demotion=True, looks_first=True, pending_first=True, bound=True
)
IN_A_CLUSTER = replace(WITH_SENTINELS, names=frozenset({"history"}))


class Model:
    def __init__(
        self, protocol: Protocol, faults: Mapping[str, int], instances: int = 2, *, demotes_first: bool = False
    ) -> None:
        """`demotes_first`: only a replica can take over, as in a cluster. Sentinels also name an old primary again."""
        self.protocol = protocol
        self._demotes_first = demotes_first
        self._before_the_lock = "looked" if protocol.looks_first else "told"
        server = Server(primary=True)
        first = server._replace(marker=self._identity(server, 0))
        self.start = State(
            (first, first._replace(primary=False, run=1)),
            tuple(Instance() for _ in range(instances)),
            tuple(sorted(faults.items())),
            given=1,
        )

    def steps(self, state: State) -> Iterator[Step]:
        for number in range(len(state.instances)):
            yield from self._look(state, number)
            yield from self._end(state, number)
            yield from self._restore(state, number)
        yield from self._servers(state)
        yield from self._faults(state)

    def accepts(self, state: State, number: int) -> bool:
        """Whether this instance would accept the session's token now."""
        one = state.instances[number]
        return self._counts(state, number) and not state.servers[one.server].denies

    def _identity(self, server: Server, term: int) -> Identity:
        said = {"run": server.run, "history": server.history, "term": term}
        return tuple(said[name] for name in sorted(self.protocol.names))

    def _is_current(self, state: State, number: int) -> bool:
        one = state.instances[number]
        server = state.servers[one.server]
        return server.primary and server.marker == self._identity(server, one.term)

    def _counts(self, state: State, number: int) -> bool:
        """Whether an answer that arrives now is believed."""
        return self._is_current(state, number) and (state.instances[number].fresh or not self.protocol.lease)

    def _look(self, state: State, number: int) -> Iterator[Step]:
        one = state.instances[number]
        restoring = self._before_the_lock if one.restoring == "told" else one.restoring
        looked = state.with_instance(number, term=state.term, server=state.named, fresh=True, restoring=restoring)
        if looked != state:
            yield f"{number} looks: {state.named}", looked
        if self.protocol.lease and one.fresh:
            yield f"{number}'s look lapses", state.with_instance(number, fresh=False)

    def _end(self, state: State, number: int) -> Iterator[Step]:
        one = state.instances[number]
        if state.acknowledged:
            return
        if not any(other.ending for other in state.instances):
            yield (
                f"{number} commits the ending",
                state.with_instance(number, ending="committed")._replace(committed=True),
            )
        if one.ending == "committed" and state.servers[one.server].primary:
            done = "written" if self._counts(state, number) else ""
            yield (
                f"{number} writes the entry to {one.server}: {done or '503'}",
                state.with_server(one.server, denies=True).with_instance(number, ending=done),
            )
        if one.ending == "written":
            yield f"{number} acknowledges", state.with_instance(number, ending="")._replace(acknowledged=True)

    def _restore(self, state: State, number: int) -> Iterator[Step]:
        one = state.instances[number]
        primary = state.servers[one.server].primary
        if self.protocol.bound and one.restoring not in ("", "told", "looked") and one.term != one.waited:
            yield f"{number} gives up restoring", _let_go(state, number)
            return
        match one.restoring:
            case "" if primary and not self._is_current(state, number) and (one.fresh or not self.protocol.lease):
                yield f"{number} finds {one.server} incomplete", state.with_instance(number, restoring="told")
            case "looked" | "told" if (
                one.restoring == self._before_the_lock and state.lock == NOBODY and self._has_waited(state, one.term)
            ):
                locked = state.with_instance(number, restoring="locked", waited=one.term)._replace(lock=number)
                yield f"{number} takes the lock", locked if self.protocol.pending_first else self._read(locked, number)
            case "locked":
                yield from self._set_pending(state, number)
            case "pending" if self.protocol.pending_first:
                yield f"{number} reads Postgres", self._read(state, number).with_instance(number, restoring="read")
            case "pending" | "read" if primary:
                denies = state.servers[one.server].denies or one.read
                yield (
                    f"{number} writes back to {one.server}",
                    state.with_server(one.server, denies=denies).with_instance(number, restoring="wrote"),
                )
            case "wrote" if primary:
                whole = state.servers[one.server].marker == one.pending
                vouched = state.with_server(one.server, marker=one.identity) if whole else state
                yield f"{number} {'marks' if whole else 'may not mark'} {one.server}", _let_go(vouched, number)

    def _has_waited(self, state: State, term: int) -> bool:
        """No look that named an earlier primary still counts."""
        return not self.protocol.lease or all(
            other.term >= term
            or not other.fresh
            or (self.protocol.trusts_demotion and not state.servers[other.server].primary)
            for other in state.instances
        )

    def _read(self, state: State, number: int) -> State:
        return state.with_instance(number, read=state.committed)

    def _set_pending(self, state: State, number: int) -> Iterator[Step]:
        one = state.instances[number]
        server = state.servers[one.server]
        if not server.primary:
            return
        if self._is_current(state, number):
            yield f"{number} has nothing to restore", _let_go(state, number)
            return
        taken = {other.pending for other in state.instances} | {other.marker for other in state.servers}
        pending = next(token for token in range(1, 9) if token not in taken)
        yield (
            f"{number} sets the pending marker on {one.server}",
            state.with_server(one.server, marker=pending).with_instance(
                number, restoring="pending", pending=pending, identity=self._identity(server, one.term)
            ),
        )

    def _servers(self, state: State) -> Iterator[Step]:
        """A replica catches up; a primary that the topology has left is told so."""
        for number, server in enumerate(state.servers):
            named = state.servers[state.named]
            if not server.primary and named.primary:
                copied = {"history": named.history, "marker": named.marker, "denies": named.denies}
                yield f"replica {number} catches up", state.with_server(number, **copied)
            if server.primary and number != state.named:
                yield f"{number} is demoted", state.with_server(number, primary=False)

    def _faults(self, state: State) -> Iterator[Step]:
        left = dict(state.left)
        for fault in [name for name, count in left.items() if count]:
            spent = state._replace(left=tuple((left | {fault: left[fault] - 1}).items()), given=state.given + 1)
            match fault:
                case "failover":
                    yield from self._fail_over(spent)
                case "emptied":
                    yield f"{state.named} is emptied", spent.with_server(state.named, marker=None, denies=False)
                case "restart":
                    yield from _restart(spent)
                case "crash":
                    for number in range(len(state.instances)):
                        yield f"instance {number} restarts", _restarted(spent, number)
                case "lock lost" if state.lock != NOBODY:
                    yield f"{state.lock} loses the lock", spent._replace(lock=NOBODY)

    def _fail_over(self, state: State) -> Iterator[Step]:
        successor = (state.named + 1) % len(state.servers)
        moved = state._replace(named=successor, term=state.term + 1)
        if not state.servers[successor].primary:
            yield f"{successor} takes over", moved.with_server(successor, primary=True, history=state.given)
        elif not self._demotes_first:
            yield f"{successor} takes over", moved


def _restart(state: State) -> Iterator[Step]:
    for number in range(len(state.servers)):
        again = state.with_server(number, run=state.given, history=state.given)
        yield f"{number} restarts", again
        yield f"{number} restarts without its last writes", again.with_server(number, denies=False)
        yield f"{number} restarts empty", again.with_server(number, marker=None, denies=False)


def _let_go(state: State, number: int) -> State:
    """The restoring is over, and what it remembered means nothing any more."""
    lock = NOBODY if state.lock == number else state.lock
    return state.with_instance(number, restoring="", waited=0, pending=0, identity=(), read=False)._replace(lock=lock)


def _restarted(state: State, number: int) -> State:
    looked = state.instances[number]
    new = Instance(looked.term, looked.server, fresh=False)
    state = state._replace(lock=NOBODY if state.lock == number else state.lock)
    return state.with_instance(number, **new._asdict())
