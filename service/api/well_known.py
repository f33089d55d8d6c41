"""What verifiers need: the keys, and the document that leads to them."""

import hashlib
import json
from http import HTTPStatus

from aiohttp import ETag, hdrs, web

from service.api import docs
from service.http.context import SERVICES

MAX_AGE = "public, max-age=300"  # seconds a verifier may keep the keys
JWKS = "/.well-known/jwks.json"
ENDPOINTS = {"introspection_endpoint": "/auth/introspect", "revocation_endpoint": "/auth/revoke"}
CLAIMS = (
    "iss", "sub", "aud", "iat", "exp", "auth_time", "jti", "origin_jti", "token_use", "email", "email_verified",
    "given_name", "family_name", "cognito:username",
)  # fmt: skip


async def jwks(request: web.Request) -> web.Response:
    return _cacheable(request, request.app[SERVICES].keys.jwks)


async def discovery(request: web.Request) -> web.Response:
    """The members of OpenID Connect Discovery 1.0 that are true here. There is no authorization endpoint to name."""
    services = request.app[SERVICES]
    base = services.issuer.rstrip("/")
    offered = {one.path for one in request.app[docs.OPERATIONS]}
    document = {
        "issuer": services.issuer,
        "jwks_uri": base + JWKS,
        **{name: base + path for name, path in ENDPOINTS.items() if path in offered},
        "response_types_supported": [],
        "grant_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": services.keys.algorithms,
        "claims_supported": CLAIMS,
    }
    return _cacheable(request, json.dumps(document, separators=(",", ":")).encode())


def _cacheable(request: web.Request, body: bytes) -> web.Response:
    """304 for whoever holds this very body (RFC 9110 section 13.1.2)."""
    tag = ETag(hashlib.sha256(body).hexdigest()[:32])
    held = {one.value for one in request.if_none_match or ()}
    if held & {tag.value, "*"}:
        response = web.Response(status=HTTPStatus.NOT_MODIFIED)
    else:
        response = web.Response(body=body, content_type="application/json")
    response.etag = tag
    response.headers[hdrs.CACHE_CONTROL] = MAX_AGE
    return response
