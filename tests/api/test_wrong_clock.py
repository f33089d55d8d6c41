"""What an instance serves whose clock cannot date anything."""

import pytest

from service.api.operation import Operation
from service.api.routes import OPERATIONS
from service.errors import MisfitError
from tests.conftest import OnFakes, problem
from tests.support.paths import plain_path

TIMELESS = {
    "/healthz",
    "/.well-known/jwks.json",
    "/.well-known/openid-configuration",
    "/openapi.json",
    "/docs",
    "/docs/{file}",
}


JUDGED = [one for one in OPERATIONS if one.path != "/readyz"]  # which says 503 by itself, and which clock is wrong


@pytest.mark.parametrize("operation", JUDGED, ids=lambda one: f"{one.method} {one.path}")
async def test_a_wrong_clock_makes_unavailable_whatever_goes_by_the_time(fakes: OnFakes, operation: Operation) -> None:
    path = plain_path(operation.path)
    fakes.application.clock.note("the clock of this instance is 60 s ahead")
    answer = await fakes.client.http.request(operation.method, path)
    if operation.path in TIMELESS:
        assert answer.status == 200
    else:
        assert (answer.status, problem(await answer.text())["code"]) == (503, "unavailable")
        assert answer.headers["Retry-After"]
    fakes.application.clock.note("")
    assert (await fakes.client.http.request(operation.method, path)).status != 503


async def test_an_instance_whose_clock_is_wrong_restores_no_denylist(fakes: OnFakes) -> None:
    await fakes.redis.flushall()
    fakes.application.clock.note("the clock of this instance is 40 days ahead")
    with pytest.raises(MisfitError):
        await fakes.application.revocation.restore()
    assert not await fakes.application.denylist.is_complete()
    fakes.application.clock.note("")
    await fakes.application.revocation.restore()
    assert await fakes.application.denylist.is_complete()
