"""What breaks in a run, by name: each breaks something, mends it again, and notes what that may have cost."""

from collections.abc import Awaitable, Callable, Mapping

from tests.e2e.history import nemeses_cluster as cluster
from tests.e2e.history import nemeses_sentinel as sentinels
from tests.e2e.history import nemeses_single as single
from tests.e2e.history.grounds import Ground

Nemesis = Callable[[Ground], Awaitable[None]]
TO_INSTANCES = [single.instance_killed, single.instance_frozen, single.clock_a_little_off]
NEMESES: Mapping[str, list[Nemesis]] = {
    "one redis": [
        single.redis_killed,
        single.redis_frozen,
        single.redis_emptied,
        single.redis_emptied_again_and_again,
        single.postgres_restarted,
        single.postgres_frozen,
        single.cut_off_from_redis,
        single.cut_off_from_postgres,
        single.cut_off_from_both,
        single.redis_out_of_reach_for_longer_than_the_grace,
        *TO_INSTANCES,
        single.clock_far_behind,
        single.clock_far_ahead,
        single.redis_clock_stepped_forward,
        single.redis_clock_stepped_back,
    ],
    "sentinels": [
        sentinels.planned_failover,
        sentinels.crash_failover,
        sentinels.frozen_primary_replaced,
        sentinels.failover_behind_an_instance_s_back,
        sentinels.there_and_back,
        *TO_INSTANCES,
    ],
    "cluster": [
        cluster.planned_failover,
        cluster.crash_failover,
        cluster.frozen_primary_replaced,
        cluster.primary_emptied,
        cluster.there_and_back,
        *TO_INSTANCES,
    ],
    "two postgres": [single.postgres_turned_read_only, single.redis_emptied, single.postgres_taken_over],
}


def names_of(ground: str) -> list[str]:
    return [one.__name__ for one in NEMESES[ground]]


def nemesis(ground: str, name: str) -> Nemesis:
    return next(one for one in NEMESES[ground] if one.__name__ == name)
