"""What verifiers need."""

from aiohttp import web

from service.api.context import SERVICES

MAX_AGE = "public, max-age=300"  # seconds a verifier may keep the keys


async def jwks(request: web.Request) -> web.Response:
    response = web.Response(body=request.app[SERVICES].keys.jwks, content_type="application/json")
    response.headers["Cache-Control"] = MAX_AGE
    return response
