"""App clients: the programs that sessions belong to."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AppClient:
    """`session_client` is what its sessions carry: empty for `tokens.client_id`, whatever that is set to today."""

    id: str
    session_client: str
    secret: str | None = None


class AppClients:
    def __init__(self, own: str, others: Mapping[str, str | None]) -> None:
        """`own` is `tokens.client_id`, which has no secret; `others` are secrets by client id."""
        self._clients = {name: AppClient(name, name, secret) for name, secret in others.items()}
        self._clients[own] = AppClient(own, "")

    def find(self, client_id: str) -> AppClient | None:
        return self._clients.get(client_id)
