"""Somebody with all that an account can have, and what every call of operators' programs needs to succeed."""

from dataclasses import dataclass, fields, replace
from typing import Any, Self
from uuid import UUID

from aiohttp import ClientResponse

from service.admin.examples import ALL_EXAMPLES, DELIVERY_ID
from service.api.operation import Operation
from service.domain.administration.models import AdminToken
from tests.admin.conftest import Program, file
from tests.conftest import bearer
from tests.support import second_factors as second
from tests.support.paths import plain_path
from tests.support.postbox import prove


@dataclass(frozen=True)
class Town:
    program: Program
    person: dict[str, Any]
    tokens: dict[str, Any]
    session_id: str
    secrets: tuple[str, ...]

    @classmethod
    async def of(cls, program: Program) -> Self:
        client, fakes = program.fakes.client, program.fakes
        person = await client.sign_up(email="ada@example.com")
        prove(fakes.users, person)
        tokens = await client.log_in(person)
        app = await second.enrol(client, person, tokens, fakes.ambient.now())
        named = await client.post("/auth/api-keys", {"name": "ci", "code": app.recovery_codes[0]}, **bearer(tokens))
        assert named.status == 201, await named.text()
        held = (await (await client.get("/auth/sessions", **bearer(tokens))).json())["sessions"]
        await program.notices()
        await program.entries()
        file(program, UUID(DELIVERY_ID))
        row = fakes.users.rows[UUID(person["userId"])]
        secrets = [row.password_hash, person["apiKey"], person["password"], (await named.json())["apiKey"], app.secret]
        secrets += [row.api_key_sealed.hex(), *app.recovery_codes, program.text, program.text[3:]]
        secrets += [tokens[name] for name in ("idToken", "accessToken", "refreshToken")]
        secrets += [key.sealed_private_jwk.hex() for key, _ in await fakes.application.oversight.keys()]
        return cls(program, person, tokens, held[0]["sessionId"], tuple(secrets))

    def path(self, one: Operation) -> str:
        named = {"userId": self.person["userId"], "sessionId": self.session_id, "deliveryId": DELIVERY_ID}
        return plain_path(one.path, named)

    def body(self, one: Operation) -> dict[str, Any] | None:
        return dict(ALL_EXAMPLES.bodies[one.about.takes]) if one.about.takes else None

    async def dump(self) -> dict[str, str]:
        """All that calls could change."""
        backends = self.program.fakes.application.backends
        stores = {
            one.name: getattr(backends, one.name)
            for one in fields(backends)
            if one.name not in ("audit", "redis", "servers", "postgres", "admin_tokens")
        }
        held = {name: repr(vars(store)) for name, store in stores.items() if hasattr(store, "__dict__")}
        return held | {
            "attributes of tokens": repr(await self.admin_tokens()),
            "ids of sessions": repr(sorted(await self.sessions())),
        }

    async def refresh(self) -> ClientResponse:
        return await self.program.fakes.client.refresh(self.tokens)

    async def admin_tokens(self) -> list[AdminToken]:
        held = await self.program.fakes.application.admin_tokens.all()
        return [replace(one, last_used_at=None) for one in held]

    async def sessions(self) -> set[str]:
        """Of everybody."""
        held = self.program.fakes.application.administration
        return {one.id for user_id in [*self.program.fakes.users.rows] for one in await held.sessions(user_id)}
