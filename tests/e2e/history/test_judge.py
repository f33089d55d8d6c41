"""The judge finds what is wrong in histories made up for it, and nothing in those that are right."""

from typing import Any
from uuid import UUID

import pytest
from redis.crc import key_slot

from service.stores import redis_keys
from tests.e2e.history.judge import Judge, Rules
from tests.e2e.history.record import Fault, History, Operation, everything

ADA = UUID(int=7)
GOOD, NEW = "SecurePass1!", "SecurePass2!"


def op(kind: str, at: float, status: int = 200, *, takes: float = 0.1, **noted: Any) -> Operation:
    return Operation(kind=kind, instance=0, person="ada", began=at, ended=at + takes, status=status, **noted)


def found(
    *operations: Operation,
    faults: tuple[Fault, ...] = (),
    stalls: tuple[tuple[float, float], ...] = (),
    rotation: bool = False,
) -> list[int]:
    """The invariants that a history breaks."""
    history = History(list(operations), list(faults), list(stalls), {"ada": ADA})
    return [one.invariant for one in Judge(history, Rules(rotation=rotation)).violations()]


SIGNED_UP = op("sign up", 0, 201, password=GOOD)
LOGGED_IN = op("log in", 1, session="s", password=GOOD)
BEFORE = (SIGNED_UP, LOGGED_IN, op("log in", 2, session="other", password=GOOD))
OUT = op("log out", 5, session="s", ends=("s",))
LOST = Fault("lost", 3, 4, everything)
LAGGED = Fault("lagged", 3, 4, lags=True)


@pytest.mark.parametrize("kind", ["me", "verify", "refresh", "log out", "refresh spent"])
def test_a_token_accepted_after_its_session_s_end_was_acknowledged(kind: str) -> None:
    assert found(*BEFORE, OUT, op(kind, 5.2, session="s")) == [1]
    assert found(*BEFORE, OUT, op(kind, 5.05, session="s")) == []  # asked before it was acknowledged
    assert found(*BEFORE, OUT, op(kind, 5.2, 401, session="s"), op(kind, 5.2, 503, session="s")) == []


@pytest.mark.parametrize("kind", ["end others", "password"])
def test_others_are_ended_as_far_as_the_index_can_know_them(kind: str) -> None:
    ending = op(kind, 5, session="s", ends=("other",), password=GOOD, new_password=NEW)
    assert found(*BEFORE, ending, op("me", 6, session="other")) == [1]
    assert found(*BEFORE, ending, op("me", 6, session="other"), faults=(LOST,)) == []  # the index is lost as well
    of_others = key_slot(redis_keys.sessions_of(ADA).encode()) + 1
    elsewhere = Fault("part", 3, 4, lambda key: key_slot(key.encode()) == of_others)
    assert found(*BEFORE, ending, op("me", 6, session="other"), faults=(elsewhere,)) == [1]


def test_an_ending_that_may_not_have_happened_promises_nothing() -> None:
    for status in (503, 0, 401):
        perhaps = op("log out", 5, status, session="s", ends=("s",))
        accepted = op("me", 6, session="s")
        assert found(*BEFORE, perhaps, accepted, op("me", 6, 401 if status != 401 else 200, session="s")) == (
            [7] if status == 401 else []
        )


def test_a_lost_account_and_a_lost_password() -> None:
    refused = op("log in", 6, 401, password=GOOD)
    assert found(SIGNED_UP, refused) == [2]
    assert found(SIGNED_UP, op("sign up", 3, 201, password=GOOD)) == [2]
    assert found(op("sign up", 0, 503, password=GOOD), refused) == []
    changed = op("password", 5, session="s", password=GOOD, new_password=NEW)
    assert found(*BEFORE, changed, op("log in", 6, 401, password=NEW)) == [2]
    assert found(*BEFORE, changed, op("log in", 6, session="t", password=GOOD)) == [2]
    assert found(*BEFORE, changed, refused) == []
    perhaps = op("password", 5, 503, session="s", password=GOOD, new_password=NEW)
    assert found(*BEFORE, perhaps, refused, op("log in", 7, session="t", password=NEW)) == []


def test_a_refresh_token_of_a_live_session_that_is_refused() -> None:
    refused = op("refresh", 6, 401, session="s")
    assert found(*BEFORE, refused) == [3]
    assert found(*BEFORE, refused, rotation=True) == [4]  # an honest client is thrown out
    assert found(*BEFORE, op("refresh", 6, 429, session="s")) == [3]
    assert found(*BEFORE, op("refresh", 6, 503, session="s"), op("refresh", 6, 0, session="s")) == []
    assert found(*BEFORE, OUT, refused) == []
    assert found(*BEFORE, refused, faults=(LOST,)) == []
    assert found(*BEFORE, refused, faults=(LAGGED,)) == []  # it was opened just before
    assert found(*BEFORE, refused, faults=(Fault("later", 20, 21, everything),)) == [3]
    assert found(*BEFORE, op("refresh", 16, 401, session="s"), faults=(Fault("long after", 14, 15, lags=True),)) == [3]


def test_a_spent_refresh_token_that_is_taken_after_the_grace() -> None:
    assert found(*BEFORE, op("refresh spent", 20, session="s", spent_at=2)) == [4]
    assert found(*BEFORE, op("refresh spent", 11, session="s", spent_at=2)) == []
    assert found(*BEFORE, op("refresh spent", 20, 401, session="s", spent_at=2)) == []
    assert found(*BEFORE, op("refresh spent", 20, session="s", spent_at=2), faults=(LAGGED,)) == []  # its swap was lost
    assert found(*BEFORE, op("refresh spent", 20, session="s", spent_at=8), faults=(LAGGED,)) == [4]


def test_a_guess_too_many() -> None:
    guesses = [op("guess", at, 401) for at in range(6)]
    assert found(*guesses) == [5]
    assert found(*guesses[:5], op("guess", 5, 429)) == []
    assert found(op("guess", 5, 429, wait=7144)) == [5]
    assert found(op("guess", 5, 429, wait=300)) == []
    assert found(*guesses, faults=(LOST,)) == []  # counted anew
    assert found(*guesses, *guesses, faults=(LOST,)) == [5]  # the sixth before the loss


def test_an_answer_that_takes_too_long() -> None:
    assert found(*BEFORE, op("me", 3, session="s", takes=3.5)) == [6]
    assert found(*BEFORE, op("me", 3, session="s", takes=2.9)) == []
    assert found(*BEFORE, op("me", 3, session="s", takes=3.5), stalls=((4, 5),)) == []  # the machine's fault


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_refusal_in_place_of_a_503(status: int) -> None:
    assert found(*BEFORE, op("me", 3, status, session="s")) == [7]
    assert found(*BEFORE, op("me", 3, status, session="s"), faults=(LOST,)) == [7]
    assert found(*BEFORE, op("me", 3, 503, session="s")) == []


def test_a_refusal_is_right_as_soon_as_an_ending_may_have_begun() -> None:
    assert found(*BEFORE, OUT, op("me", 4.95, 401, session="s")) == []


def test_the_windows_of_outages_are_measured() -> None:
    history = History([op("me", 3, 503, session="s"), op("me", 5, 503, session="s"), op("me", 9, session="s")])
    history.faults = [LOST, Fault("later", 8, 9)]
    assert [(fault.name, round(seconds, 1)) for fault, seconds in history.outages()] == [("lost", 2.1), ("later", 0)]
