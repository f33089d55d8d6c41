"""Deliveries of webhooks, as operators' programs see them and have them sent again."""

from uuid import UUID

import pytest

from tests.admin.conftest import Program, file
from tests.conftest import problem
from tests.support.builders import FakeAmbient

IDS = [UUID(int=number) for number in range(1, 6)]


@pytest.fixture
def filed(program: Program, ambient: FakeAmbient) -> list[str]:
    """The newest first."""
    for number, one in enumerate(IDS):
        ambient.advance(seconds=1)
        gone = {"failed_at": ambient.now(), "last_reply": "503", "attempts": 10} if number == 1 else {}
        file(program, one, "crm" if number < 3 else "mail", **gone)
    return [str(one) for one in reversed(IDS)]


async def test_deliveries_are_listed_page_by_page_without_their_bodies(program: Program, filed: list[str]) -> None:
    found, after = [], ""
    for _ in range(5):
        page = await program.said("GET", f"/admin/deliveries?limit=2{after}")
        assert "secret" not in str(page)
        found += [one["deliveryId"] for one in page["deliveries"]]
        if "next" not in page:
            break
        after = f"&after={page['next']}"
    assert found == filed


async def test_those_of_one_endpoint_or_given_up_are_listed_alone(program: Program, filed: list[str]) -> None:
    mail = (await program.said("GET", "/admin/deliveries?endpoint=mail"))["deliveries"]
    assert [one["deliveryId"] for one in mail] == filed[:2]
    (failed,) = (await program.said("GET", "/admin/deliveries?failed=true"))["deliveries"]
    assert (failed["deliveryId"], failed["status"], failed["lastReply"]) == (str(IDS[1]), "failed", "503")
    for query in ("failed=maybe", "after=x", "limit=0"):
        assert (await program.call("GET", f"/admin/deliveries?{query}")).status == 400


async def test_a_delivery_is_sent_again_and_the_actor_is_named(program: Program, filed: list[str]) -> None:
    await program.said("POST", f"/admin/deliveries/{IDS[1]}/retry", status=204)
    assert (await program.said("GET", "/admin/deliveries?failed=true"))["deliveries"] == []
    event = (await program.entries())[-1].event
    assert (event.name.value, event.operator) == ("sys_webhooks_retried", "token:ci")


@pytest.mark.parametrize("delivery_id", ["00000000-0000-4000-8000-000000000000", "x", "%00"])
async def test_a_delivery_that_is_not_there_is_not_found(program: Program, delivery_id: str) -> None:
    count = len(await program.entries())
    answer = await program.call("POST", f"/admin/deliveries/{delivery_id}/retry")
    assert (answer.status, problem(await answer.text())["code"]) == (404, "not_found")
    assert len(await program.entries()) == count
