"""The epoch marker's protocol holds in every order of events; each part of it is needed, and without them it fails as it did."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from tests.model.epoch_marker import EARLIER, IN_A_CLUSTER, WITH_SENTINELS, Model, Protocol
from tests.model.explorer import explore
from tests.model.states import State, alike

THERE, THERE_AND_BACK = {"failover": 1}, {"failover": 2}


def violation(
    protocol: Protocol, faults: Mapping[str, int], *, instances: int = 2, for_good: bool = False, cluster: bool = False
) -> list[str]:
    """The shortest way to an instance that accepts a token whose session's end was acknowledged, empty if none does."""
    model = Model(protocol, faults, instances, demotes_first=cluster)

    def is_wrong(state: State) -> bool:
        accepts = any(model.accepts(state, number) for number in range(instances))
        return state.acknowledged and accepts and (is_settled(state) or not for_good)

    holds = protocol in (WITH_SENTINELS, IN_A_CLUSTER)  # a way is to be read, which names the instances
    way, seen = explore(model.start, model.steps, is_wrong, *([alike] if holds else []))
    assert seen > 100, "the model hardly moves"
    return way


def is_settled(state: State) -> bool:
    """Everybody knows the primary, and nobody else takes himself for one."""
    knows = all(one.term == state.term for one in state.instances)
    return knows and all(number == state.named or not one.primary for number, one in enumerate(state.servers))


def test_a_marker_of_the_run_alone_loses_an_ending_that_the_old_primary_took_after_the_new_one_was_restored() -> None:
    way = violation(EARLIER, THERE, for_good=True)
    assert way.index("0 marks 1") < way.index("1 writes the entry to 0: written") < way.index("1 acknowledges")


def test_a_marker_of_the_run_alone_does_not_find_out_a_primary_that_came_back() -> None:
    way = violation(EARLIER, THERE_AND_BACK, instances=1, for_good=True)
    assert [step for step in way if "takes over" in step or "catches up" in step] == [
        "1 takes over",
        "replica 0 catches up",
        "0 takes over",
    ]


def test_reading_postgres_before_the_pending_marker_loses_an_ending_when_redis_is_emptied_twice() -> None:
    way = violation(EARLIER, {"emptied": 2})
    assert way.index("1 takes the lock") < way.index("0 acknowledges") < way.index("1 sets the pending marker on 0")


@pytest.mark.parametrize("protocol", [WITH_SENTINELS, IN_A_CLUSTER])
@pytest.mark.parametrize("faults", [THERE, {"emptied": 2}, {"restart": 1, "lock lost": 1}, {"emptied": 1, "crash": 1}])
def test_no_order_of_events_brings_a_token_back(protocol: Protocol, faults: Mapping[str, int]) -> None:
    assert violation(protocol, faults, cluster=protocol is IN_A_CLUSTER) == []


@pytest.mark.faults
@pytest.mark.parametrize("protocol", [WITH_SENTINELS, IN_A_CLUSTER])
@pytest.mark.parametrize(
    "faults", [THERE_AND_BACK, {"failover": 1, "emptied": 1}, {"failover": 1, "crash": 1, "lock lost": 1}]
)
def test_no_longer_order_of_events_brings_a_token_back(protocol: Protocol, faults: Mapping[str, int]) -> None:
    assert violation(protocol, faults, cluster=protocol is IN_A_CLUSTER) == []


@pytest.mark.parametrize(
    ("without", "faults"),
    [
        ({"lease": False}, THERE),
        ({"names": frozenset({"term"})}, {"restart": 1}),
        ({"names": frozenset({"run", "term"})}, THERE_AND_BACK),
        ({"names": frozenset({"history"})}, THERE_AND_BACK),
        ({"pending_first": False}, {"emptied": 2}),
        pytest.param({"bound": False}, {"failover": 2, "emptied": 1}, marks=pytest.mark.faults),
        pytest.param({"looks_first": False}, THERE_AND_BACK, marks=pytest.mark.faults),
    ],
)
def test_each_part_of_the_protocol_is_needed(without: dict[str, object], faults: Mapping[str, int]) -> None:
    assert violation(replace(WITH_SENTINELS, **without), faults)  # type: ignore[arg-type] # a field and its value


@pytest.mark.parametrize("protocol", [WITH_SENTINELS, IN_A_CLUSTER])
def test_after_a_failover_tokens_are_accepted_and_sessions_end_again(protocol: Protocol) -> None:
    """A protocol that refused everything would pass all others."""
    model = Model(protocol, THERE, demotes_first=protocol is IN_A_CLUSTER)
    accepted, _ = explore(
        model.start, model.steps, lambda state: state.term == 1 and all(model.accepts(state, one) for one in (0, 1))
    )
    ended, _ = explore(
        model.start, model.steps, lambda state: state.acknowledged and state.servers[1].denies and state.term == 1
    )
    assert accepted
    assert ended
