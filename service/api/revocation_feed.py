"""The feed of revocations, for verifiers that work offline."""

from aiohttp import web

from service.api import schemas
from service.api.context import SERVICES
from service.api.description import CACHEABLE, Description, Returns, Tag
from service.domain.resource_servers.revocation_feed import SHARED
from service.errors import UnavailableError
from service.http import query
from service.http.responses import cacheable

FEED = "application/jwt"


@Description(
    tag=Tag.VERIFICATION,
    summary="Which sessions are over, signed, for verifiers that stay offline",
    description="One JWT with the sessions and keys that are over. Verifiers poll it and judge tokens by themselves.",
    query=schemas.RevocationsQuery,
    returns=Returns(media_type=FEED),
    refuses=(UnavailableError,),
    sends=CACHEABLE,
    not_modified=True,
)
async def revocations(request: web.Request) -> web.Response:
    piece = await request.app[SERVICES].feed.piece(query.read(request, schemas.RevocationsQuery).since)
    return cacheable(request, piece.encode(), FEED, int(SHARED))
