"""A store that fails after any step of a write: 503 or the whole answer, and to ask again brings the rest about."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from service.admin.routes import ADMIN_OPERATIONS
from service.api.operation import Operation
from service.http.query import READING
from tests.admin.conftest import MakeProgram, Program
from tests.admin.town import Town
from tests.conftest import problem
from tests.support.postbox import Postbox

WRITES = [one for one in ADMIN_OPERATIONS if one.method not in READING]
MOST_STEPS = 60
Coroutine = Callable[..., Awaitable[Any]]


class Breaking:
    """Every answer of every store, until one is lost on its way. What was asked for has been done by then."""

    def __init__(self, program: Program, lost: int) -> None:
        self.steps = 0
        self.is_on = True
        self._lost = lost
        backends = program.fakes.application.backends
        for name in type(backends).__dataclass_fields__:
            store = getattr(backends, name)
            if name in ("redis", "servers", "audit") or store is None:
                continue
            for method in dir(store):
                held = getattr(store, method)
                if (
                    not method.startswith("_")
                    and inspect.iscoroutinefunction(held)
                    and not hasattr(held, "is_breaking")
                ):
                    setattr(store, method, self._broken(held))
        redis = backends.redis
        redis.execute_command = self._broken(redis.execute_command)  # type: ignore[method-assign, assignment] # that is the fault
        made = redis.pipeline

        def pipeline(*args: Any, **options: Any) -> Any:
            one = made(*args, **options)
            one.execute = self._broken(one.execute)  # type: ignore[method-assign, assignment] # that is the fault
            return one

        redis.pipeline = pipeline  # type: ignore[method-assign] # as above

    def _broken(self, held: Coroutine) -> Coroutine:
        async def broken(*args: Any, **options: Any) -> Any:
            answer = await held(*args, **options)
            if self.is_on:
                self.steps += 1
                if self.steps == self._lost:
                    raise TimeoutError
            return answer

        broken.is_breaking = True  # type: ignore[attr-defined] # its own mark
        return broken


async def is_done(town: Town, one: Operation) -> bool:
    program = town.program
    users = program.fakes.users.rows
    row = users.get(UUID(town.person["userId"]))
    is_out = {answer.status for answer in (await program.fakes.client.me(town.tokens), await town.refresh())} == {401}
    letters = [letter.template for letter in await Postbox(program.fakes.application).collect()]
    deliveries = (await program.said("GET", "/admin/deliveries"))["deliveries"]
    of_call = {
        "POST /admin/users": "new@example.com" in {each.canonical_email for each in users.values()},
        "PATCH /admin/users/{userId}": row
        and (row.first_name, row.groups, row.claims) == ("Augusta", ("staff",), '{"plan": "team"}'),
        "DELETE /admin/users/{userId}": row is None and is_out,
        "POST /admin/users/{userId}/disable": row and row.disabled_at and is_out,
        "POST /admin/users/{userId}/enable": row and row.disabled_at is None,
        "POST /admin/users/{userId}/reset": "reset" in letters,
        "DELETE /admin/users/{userId}/factors": row and row.second_factor_since is None and is_out,
        "POST /admin/keys/rotate": len(await program.fakes.application.oversight.keys()) > 1,
        "POST /admin/deliveries/{deliveryId}/retry": deliveries[0]["status"] == "waiting",
    }
    return bool(of_call.get(f"{one.method} {one.path}", is_out))


@pytest.mark.parametrize("one", WRITES, ids=lambda one: f"{one.method} {one.path}")
async def test_an_answer_of_a_store_that_is_lost_at_any_step_promises_nothing_and_asking_again_does_it(
    make_program: MakeProgram, one: Operation
) -> None:
    refused = 0
    for lost in range(1, MOST_STEPS):
        town = await Town.of(await make_program())
        breaking = Breaking(town.program, lost)
        first = await town.program.call(one.method, town.path(one), town.body(one))
        breaking.is_on = False
        if first.status >= 300:
            assert (first.status, problem(await first.text())["code"]) == (503, "unavailable"), lost
            refused += 1
            again = await town.program.call(one.method, town.path(one), town.body(one))
            assert again.status < 300 or again.status in (404, 409), (lost, await again.text())
        assert await is_done(town, one), lost
        if breaking.steps < lost:  # none was lost
            break
    else:
        pytest.fail("more steps than any write should have")
    assert refused
