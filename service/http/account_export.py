"""The export of an account: everything that is stored about it, written while it is read."""

from collections.abc import AsyncIterator, Sequence

from aiohttp import web

from service.domain.models import Caller
from service.domain.services import Services
from service.domain.sessions.models import Revocation
from service.http import account_schemas as schemas
from service.http.responses import stream


async def export(request: web.Request, services: Services, caller: Caller) -> web.Response:
    """Raises InvalidTokenError or a store's outage."""
    profile = await services.profiles.of(caller)
    held, ended = await services.sessions.all_of(caller), services.sessions.ended(caller)
    factors = schemas.Factors.of(await services.factors.held_by(caller), await services.passkeys.all_of(caller))
    api_keys = await services.named_api_keys.all_of(caller)
    beginning = schemas.Export.of(profile, factors, held, caller.session_id, api_keys)
    first: Sequence[Revocation] = await anext(ended, [])  # until something is sent, an outage can become a 503
    return stream(request, _exported(beginning, first, ended))


async def _exported(
    beginning: schemas.Export, first: Sequence[Revocation], others: AsyncIterator[Sequence[Revocation]]
) -> AsyncIterator[bytes]:
    """The document in pieces, one at a time in memory: the number of ended sessions is unbounded."""
    end = b"]}"  # of the last field, the list of ended sessions
    yield beginning.model_dump_json(by_alias=True).encode().removesuffix(end) + _listed(first)
    async for page in others:
        yield b"," + _listed(page)
    yield end


def _listed(page: Sequence[Revocation]) -> bytes:
    shown = [schemas.EndedSession(session_id=one.session_id, remembered_until=one.forget_at) for one in page]
    return schemas.ENDED_SESSIONS.dump_json(shown, by_alias=True)[1:-1]
