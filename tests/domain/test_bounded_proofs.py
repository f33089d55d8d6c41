"""Proofs that cost: each is bounded, and costs the same for what is known and what is not."""

import pytest

from service.domain.resource_servers import clients
from service.domain.sessions import refresh_rotation
from tests.conftest import MakeOnFakes
from tests.support.resource_servers import KNOWN, ask, basic


async def used_so_often(on_fakes: MakeOnFakes, times: int) -> tuple[int, int]:
    """How a stolen first token is answered, and then the honest one, after so many refreshes."""
    fakes = await on_fakes(tokens={"refresh_rotation": True})
    stolen = tokens = await fakes.client.log_in(await fakes.client.sign_up())
    for _ in range(times):
        fakes.ambient.advance(minutes=1)
        tokens = await (await fakes.client.refresh(tokens)).json()
    fakes.ambient.advance(minutes=1)
    return (await fakes.client.refresh(stolen)).status, (await fakes.client.refresh(tokens)).status


async def test_a_token_is_proved_genuine_by_so_many_steps_and_no_more(
    on_fakes: MakeOnFakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh_rotation, "MAX_STEPS", 4)
    assert await used_so_often(on_fakes, 4) == (401, 401)  # a theft: the session is over
    assert await used_so_often(on_fakes, 5) == (401, 200)  # not followed so far: nobody is thrown out


@pytest.mark.parametrize("name", [*KNOWN["clients"], "nobody"])
async def test_a_resource_server_that_nobody_knows_costs_a_comparison_too(
    on_fakes: MakeOnFakes, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    fakes = await on_fakes(introspection=KNOWN)
    compared: list[str] = []
    check = clients.Client.check_client_secret

    def counted(self: clients.Client, secret: str) -> bool:
        compared.append(secret)
        return check(self, secret)

    monkeypatch.setattr(clients.Client, "check_client_secret", counted)
    answer = await ask(fakes.client, "/auth/introspect", "any", Authorization=basic(name, "wrong"))
    assert answer.status == 401
    assert compared == ["wrong"]
