"""Liveness and readiness."""

from aiohttp import web

from service.api import problems, schemas
from service.api.context import SERVICES
from service.api.description import Description, Returns, Tag
from service.errors import UnavailableError
from service.http.context import REFUSAL, REQUEST_ID
from service.http.responses import json_response
from service.request_log import Refusal


@Description(
    tag=Tag.OPERATIONS,
    summary="Whether the process is alive",
    description="200 while the process lives. It asks no store.",
    returns=Returns(body=schemas.Health),
    needs_the_time=False,
)
async def healthz(_: web.Request) -> web.Response:
    return json_response(schemas.Health(status="ok"))


@Description(
    tag=Tag.OPERATIONS,
    summary="Whether the process can serve: Postgres and Redis",
    description="200 while Postgres and Redis can be counted on. On 503, `checks` says what each is doing.",
    returns=Returns(body=schemas.Readiness),
    refuses=(UnavailableError,),
    needs_the_time=False,
)
async def readyz(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    state = await services.readiness.state()
    if state.is_ready:
        engine = services.passwords.queue.engine.name
        return json_response(
            schemas.Readiness(status="ok", postgres=state.postgres, redis=state.redis, passwords=engine)
        )
    request[REFUSAL] = Refusal(UnavailableError.code, "not_ready")
    return problems.not_ready({"postgres": state.postgres, "redis": state.redis}, request[REQUEST_ID])
