"""What the fault tests share: how an instance is started, and the wires that lead from one to its stores."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from service.embedded import Stores
from tests.conftest import Client
from tests.support.outages import Scene
from tests.support.relay import Relay

Instance = Callable[..., Awaitable[Client]]  # takes a clock, and sections of the settings


async def set_the_scene(own: Stores, client: Client) -> Scene:
    person = await client.sign_up()
    tokens, spare = await client.log_in(person), await client.log_in(person)
    return Scene(own.postgres, own.redis, client, person, tokens, spare)


@dataclass(frozen=True)
class Wires:
    """The way of one instance to its stores."""

    postgres: Relay
    redis: Relay

    @property
    def sections(self) -> dict[str, dict[str, Any]]:
        return {
            "database": {"url": f"postgresql://tokenhouse@127.0.0.1:{self.postgres.port}/tokenhouse"},
            "redis": {"url": f"redis://127.0.0.1:{self.redis.port}/0"},
        }
