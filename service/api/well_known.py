"""The key set for verifiers, and the discovery document that links to it."""

import json

from aiohttp import web

from service.api import docs
from service.api.context import SERVICES
from service.api.description import CACHEABLE, Description, Returns, Tag
from service.http.responses import cacheable

MAX_AGE = 300  # seconds a verifier may cache the keys
JSON = "application/json"
JWKS = "/.well-known/jwks.json"
ENDPOINTS = {"introspection_endpoint": "/auth/introspect", "revocation_endpoint": "/auth/revoke"}
CLAIMS = (
    "iss",
    "sub",
    "aud",
    "iat",
    "exp",
    "auth_time",
    "jti",
    "origin_jti",
    "token_use",
    "email",
    "email_verified",
    "given_name",
    "family_name",
    "cognito:username",
    "cognito:groups",
    "amr",
)


@Description(
    tag=Tag.VERIFICATION,
    summary="The keys that verify our tokens",
    description="A JSON Web Key Set (RFC 7517). Keep it for five minutes; look again for an unknown `kid`.",
    returns=Returns(),
    sends=CACHEABLE,
    not_modified=True,
    needs_the_time=False,
)
async def jwks(request: web.Request) -> web.Response:
    return cacheable(request, request.app[SERVICES].keys.jwks, JSON, MAX_AGE)


@Description(
    tag=Tag.VERIFICATION,
    summary="Where the keys are, and what the tokens hold",
    description="The issuer and the address of the keys, where JWT libraries look for them. Tokenhouse is no OpenID "
    "provider: there is no authorization endpoint.",
    returns=Returns(),
    sends=CACHEABLE,
    not_modified=True,
    needs_the_time=False,
)
async def discovery(request: web.Request) -> web.Response:
    """The members of OpenID Connect Discovery 1.0 that apply. There is no authorization endpoint to name."""
    services = request.app[SERVICES]
    base = services.base_url
    offered = {one.path for one in request.app[docs.OPERATIONS]}
    document = {
        "issuer": services.issuer,
        "jwks_uri": services.issuer.rstrip("/") + JWKS,
        **{name: base + path for name, path in ENDPOINTS.items() if path in offered},
        "response_types_supported": [],
        "grant_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": services.keys.algorithms,
        "claims_supported": (*CLAIMS, *services.chosen_claims),
    }
    return cacheable(request, json.dumps(document, separators=(",", ":")).encode(), JSON, MAX_AGE)
