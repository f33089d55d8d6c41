"""What resource servers ask: about one token, about all that is over, and that one be over."""

import hashlib

from aiohttp import hdrs, web

from service.api import queries, schemas
from service.domain.resource_servers.revocation_feed import SHARED
from service.http import problems, request_body
from service.http.context import SERVICES, visitor_of

FEED = "application/jwt"


async def introspect(request: web.Request) -> web.Response:
    body = await request_body.read_form(request, schemas.Token)
    return problems.answer(schemas.Introspected(**await request.app[SERVICES].introspection.introspect(body.token)))


async def revoke(request: web.Request) -> web.Response:
    """Whoever has the token may end its session; the answer tells nobody whether it was one (RFC 7009 section 2.2)."""
    body = await request_body.read_form(request, schemas.Token)
    await request.app[SERVICES].introspection.revoke(body.token, visitor_of(request))
    return web.Response()


async def revocations(request: web.Request) -> web.Response:
    query = queries.read(request, queries.Revocations)
    piece = await request.app[SERVICES].feed.piece(query.since)
    tag = f'"{hashlib.sha256(piece.encode()).hexdigest()[:32]}"'
    headers = {hdrs.CACHE_CONTROL: f"public, max-age={int(SHARED)}", hdrs.ETAG: tag}
    if tag in request.headers.get(hdrs.IF_NONE_MATCH, ""):
        return web.Response(status=304, headers=headers)
    return web.Response(body=piece.encode(), content_type=FEED, headers=headers)
