"""Middleware for aiohttp: only requests with a valid token pass."""

import json
import re

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from tokenhouse_verify.tokens import Claims, InvalidTokenError
from tokenhouse_verify.verifier import StaleError, Verifier

CLAIMS = web.RequestKey("tokenhouse_claims", Claims)
BEARER = re.compile(r"bearer +([!-~]+)", re.ASCII | re.IGNORECASE)  # RFC 6750 section 2.1


def protect(verifier: Verifier) -> Middleware:
    """Handlers find the caller in `request[CLAIMS]`. Responds 401 to a missing or invalid token, and 503 while the list
    of revocations is too old.
    """

    @web.middleware
    async def protected(request: web.Request, handler: Handler) -> web.StreamResponse:
        sent = request.headers.getall(hdrs.AUTHORIZATION, [])
        match = BEARER.fullmatch(sent[0].strip()) if len(sent) == 1 else None
        try:
            request[CLAIMS] = await verifier.authenticate(match[1] if match else "")
        except InvalidTokenError:
            challenge = 'Bearer error="invalid_token"' if sent else "Bearer"
            return _problem(401, "invalid_token", {hdrs.WWW_AUTHENTICATE: challenge})
        except StaleError:
            return _problem(503, "unavailable", {hdrs.RETRY_AFTER: "5"})
        return await handler(request)

    return protected


def _problem(status: int, code: str, headers: dict[str, str]) -> web.Response:
    """RFC 9457."""
    body = json.dumps({"type": "about:blank", "status": status, "code": code}).encode()
    headers[hdrs.CACHE_CONTROL] = "no-store"
    return web.Response(status=status, body=body, content_type="application/problem+json", headers=headers)
