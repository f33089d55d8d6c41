"""What operators and orchestrators ask."""

from aiohttp import web

from service.api import schemas
from service.errors import UnavailableError
from service.http import problems
from service.http.context import REFUSAL, REQUEST_ID, SERVICES
from service.request_log import Refusal


async def healthz(_: web.Request) -> web.Response:
    return problems.answer(schemas.Health(status="ok"))


async def readyz(request: web.Request) -> web.Response:
    state = await request.app[SERVICES].readiness.state()
    if state.is_ready:
        return problems.answer(schemas.Readiness(status="ok", postgres=state.postgres, redis=state.redis))
    request[REFUSAL] = Refusal(UnavailableError.code, "not_ready")
    return problems.not_ready({"postgres": state.postgres, "redis": state.redis}, request[REQUEST_ID])
