"""The key set and the discovery document below the pool's path, where Cognito's verifiers look for them."""

import json

from aiohttp import hdrs, web

from service.cognito.context import COGNITO, CognitoContext
from service.http.responses import cacheable

MAX_AGE = 300  # seconds, as of the same documents elsewhere
JSON = "application/json"


def mount(app: web.Application, context: CognitoContext) -> None:
    base = f"/{context.settings.pool_id}/.well-known"
    for name, handler in (("jwks.json", jwks), ("openid-configuration", configuration)):
        for method in (hdrs.METH_GET, hdrs.METH_HEAD):
            app.router.add_route(method, f"{base}/{name}", handler)


async def jwks(request: web.Request) -> web.Response:
    return cacheable(request, request.app[COGNITO].services.keys.jwks, JSON, MAX_AGE)


async def configuration(request: web.Request) -> web.Response:
    services = request.app[COGNITO].services
    document = {
        "issuer": services.issuer,
        "jwks_uri": f"{services.issuer.rstrip('/')}/.well-known/jwks.json",
        "response_types_supported": ["code", "token"],
        "subject_types_supported": ["public"],
        "scopes_supported": ["openid", "email", "profile"],
        "id_token_signing_alg_values_supported": services.keys.algorithms,
    }
    return cacheable(request, json.dumps(document, separators=(",", ":")).encode(), JSON, MAX_AGE)
