"""The invariants, by which a recorded history is judged."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from service.stores import redis_keys
from tests.e2e.history.record import TAKEN, UNKNOWN, History, Operation

RECENT = 3.0  # seconds; what was written so shortly before a failover may not have reached the replica
LONGEST = 3.0  # seconds for an answer
WINDOW = 900  # seconds of the longest of the limits
SLACK = 1.0  # seconds by which the checker's idea of a moment may be wrong
GUESSES = redis_keys.limit("login", "any")  # in a cluster all of them are in its slot
IMPLICIT = ("end others", "password")  # they end what the index of sessions names
WITH_A_TOKEN = ("me", "verify", "refresh", "log out", *IMPLICIT)


@dataclass(frozen=True)
class Rules:
    grace: float = 10.0  # seconds in which a spent refresh token is still taken
    rotation: bool = False
    guesses: int = 5  # wrong passwords that are answered with 401


@dataclass(frozen=True)
class Violation:
    invariant: int
    reason: str
    operation: Operation

    def told(self, since: float) -> str:
        return f"({self.invariant}) {self.reason}: {self.operation.told(since)}"


class Judge:
    def __init__(self, history: History, rules: Rules) -> None:
        self._history = history
        self._rules = rules
        self._operations = sorted(history.operations, key=lambda one: one.began)
        # From when on a session may have been opened, used, rotated: a fault may come before the answer.
        self._written: dict[str, list[float]] = defaultdict(list)
        for one in self._operations:
            if one.kind in ("log in", "refresh") and one.status in TAKEN:
                self._written[one.session].append(one.began)
        self._over: dict[str, float] = {}  # when the end of a session was acknowledged first
        self._ending: dict[str, float] = {}  # when it may have ended first
        for one in self._operations:
            self._note_the_end(one)

    def violations(self) -> list[Violation]:
        found = [
            *self._accepted_after_the_end(),
            *self._lost_accounts(),
            *self._refused_refreshes(),
            *self._spent_tokens(),
            *self._guesses(),
            *self._late_answers(),
            *self._wrong_refusals(),
        ]
        return sorted(found, key=lambda one: (one.invariant, one.operation.began))

    def _note_the_end(self, one: Operation) -> None:
        for session in one.ends if one.may_be_done else ():
            self._ending[session] = min(self._ending.get(session, one.began), one.began)
            is_known = one.kind not in IMPLICIT or not self._may_have_left_the_index(session, one)
            if one.status in TAKEN and is_known:
                self._over[session] = min(self._over.get(session, one.ended), one.ended)

    def _may_have_left_the_index(self, session: str, ending: Operation) -> bool:
        user = self._history.users[ending.person]
        return self._may_be_lost(redis_keys.sessions_of(user), session, ending.ended)

    def _may_be_lost(self, key: str, session: str, by: float) -> bool:
        """Whether Redis may have lost what a key says of a session."""
        return any(self._write_may_be_lost(key, moment, by) for moment in self._written[session])

    def _write_may_be_lost(self, key: str, moment: float, by: float) -> bool:
        return any(
            (fault.forgets(key) and moment <= fault.ended)
            or (fault.lags and fault.began - RECENT <= moment <= fault.ended + SLACK)
            for fault in self._history.faults
            if fault.began <= by
        )

    def _lifetimes(self, one: Operation) -> bool:
        """Whether nothing had begun to end the session when the answer came."""
        return bool(one.session) and one.ended < self._ending.get(one.session, float("inf"))

    def _accepted_after_the_end(self) -> Iterator[Violation]:
        for one in self._operations:
            shows_a_token = one.kind in WITH_A_TOKEN or one.kind == "refresh spent"
            if shows_a_token and one.status in TAKEN and one.began > self._over.get(one.session, float("inf")):
                late = one.began - self._over[one.session]
                yield Violation(1, f"accepted {late:.2f} s after its end was acknowledged", one)

    def _lost_accounts(self) -> Iterator[Violation]:
        """Each person does one thing after another, so the passwords that may hold are known at every moment."""
        may_hold: dict[str, set[str]] = {}
        for one in self._operations:
            held = may_hold.get(one.person, set())
            match one.kind, one.status:
                case "sign up", 201 if one.person in may_hold:
                    yield Violation(2, "the address was free again", one)
                case "sign up", 201:
                    may_hold[one.person] = {one.password}
                case "log in", 401 if held == {one.password}:
                    yield Violation(2, "the account or its password is lost", one)
                case "log in", 200 if held and one.password not in held:
                    yield Violation(2, "an earlier password holds again", one)
                case "password", 200:
                    may_hold[one.person] = {one.new_password}
                case "password", status if status in UNKNOWN:
                    may_hold[one.person] = held | {one.new_password}

    def _refused_refreshes(self) -> Iterator[Violation]:
        for one in self._operations:
            is_refused = one.kind == "refresh" and one.status not in (*TAKEN, *UNKNOWN)
            may_be = not self._lifetimes(one) or self._may_be_lost(
                redis_keys.session(one.session), one.session, one.ended
            )
            if is_refused and not may_be:
                since = one.began - max((when for when in self._written[one.session] if when < one.began), default=0.0)
                yield Violation(
                    4 if self._rules.rotation else 3,
                    f"a live session was refused, {since:.2f} s after it was used last",
                    one,
                )

    def _spent_tokens(self) -> Iterator[Violation]:
        for one in self._operations:
            is_taken = one.kind == "refresh spent" and one.status in TAKEN
            if self._write_may_be_lost(redis_keys.session(one.session), one.spent_at, one.began):
                continue  # a replica that had not heard of the successor took over: the token is the current one again
            if is_taken and one.began > one.spent_at + self._rules.grace + SLACK:
                yield Violation(4, "a spent refresh token was taken after the grace", one)

    def _guesses(self) -> Iterator[Violation]:
        """In a window that is longer than any run; what Redis lost is counted anew."""
        counts: dict[str, int] = defaultdict(int)
        losses = [one for one in self._history.faults if one.lags or one.forgets(GUESSES)]
        for one in self._operations:
            if one.status == 429 and one.wait > WINDOW:
                yield Violation(5, f"told to wait for {one.wait} s", one)
            if any(loss.began <= one.ended and one.began <= loss.ended + SLACK for loss in losses):
                counts.clear()
            elif one.kind == "guess" and one.status == 401:
                counts[one.person] += 1
                if counts[one.person] > self._rules.guesses:
                    yield Violation(5, f"guess {counts[one.person]} was looked at", one)

    def _late_answers(self) -> Iterator[Violation]:
        for one in self._operations:
            if one.kind != "alive" and one.seconds > LONGEST:
                stalled = sum(
                    max(0.0, min(end, one.ended) - max(began, one.began)) for began, end in self._history.stalls
                )
                if one.seconds - stalled > LONGEST:
                    yield Violation(6, f"the answer took {one.seconds:.1f} s", one)

    def _wrong_refusals(self) -> Iterator[Violation]:
        for one in self._operations:
            if one.status >= 500 and one.status != 503:
                yield Violation(7, "neither done nor unavailable", one)
            elif (
                one.kind in WITH_A_TOKEN and one.kind != "refresh" and one.status in (401, 403) and self._lifetimes(one)
            ):
                yield Violation(7, "a token of a live session was refused", one)
