"""Token introspection (RFC 7662) for resource servers, and token revocation (RFC 7009)."""

from aiohttp import web

from service.api import schemas
from service.api.context import SERVICES
from service.api.description import Description, Returns, Tag
from service.domain.resource_servers.models import ResourceServer
from service.errors import InvalidClientError, RateLimitedError, UnavailableError
from service.http.context import visitor_of
from service.http.request_body import read_form
from service.http.responses import Response, json_response


@Description(
    tag=Tag.VERIFICATION,
    summary="What a token is good for (RFC 7662)",
    description="For a resource server, with the credential that `tokenhouse clients new NAME` made. "
    '`{"active": false}` is all that is said of a token that is not good.',
    takes=schemas.Token,
    takes_form=True,
    returns=Returns(body=schemas.Introspected),
    refuses=(InvalidClientError, RateLimitedError, UnavailableError),
)
async def introspect(request: web.Request, _: ResourceServer) -> web.Response:
    body = await read_form(request, schemas.Token)
    return json_response(schemas.Introspected(**await request.app[SERVICES].introspection.introspect(body.token)))


@Description(
    tag=Tag.VERIFICATION,
    summary="End the session of a refresh or access token (RFC 7009)",
    description="Whoever holds a live refresh, access or id token may end its session. The answer is the same for a "
    "token that is unknown.",
    takes=schemas.Token,
    takes_form=True,
    returns=Returns(media_type=None),
    refuses=(RateLimitedError, UnavailableError),
)
async def revoke(request: web.Request) -> web.Response:
    body = await read_form(request, schemas.Token)
    await request.app[SERVICES].introspection.revoke(body.token, visitor_of(request))
    return Response()
