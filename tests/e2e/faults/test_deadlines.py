"""How soon a call is refused by the timeouts of production. It takes a machine at rest, so `make test` leaves it out."""

import pytest

from service.embedded import Stores
from tests.support.fault_instances import Instance, set_the_scene
from tests.support.outages import CALLS, all_unavailable, burst_unavailable, recovers
from tests.support.waiting import shipped


@pytest.mark.faults
@pytest.mark.parametrize(("store", "seconds"), [("redis", 1.0), ("postgres", 2.5)])
async def test_by_the_timeouts_of_production_a_call_is_refused_soon(
    own: Stores, instance: Instance, store: str, seconds: float
) -> None:
    scene = await set_the_scene(own, await instance(**shipped()))
    server = getattr(own, store)
    server.pause()
    try:
        heard = [*await all_unavailable(scene, *CALLS), *await burst_unavailable(scene, "me", "refresh", "log out")]
    finally:
        server.resume()
    assert max(one.seconds for one in heard) < seconds
    await recovers(scene)
