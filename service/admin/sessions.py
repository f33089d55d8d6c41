"""Sessions of a user, and everybody's."""

from aiohttp import web

from service.admin import schemas
from service.admin.users import KNOWN, user_id_of
from service.api.context import SERVICES
from service.api.description import NOTHING, Description, Returns, Tag
from service.domain.administration.models import AdminToken
from service.errors import SessionNotFoundError
from service.http.request_body import read
from service.http.responses import json_response, no_content


@Description(
    tag=Tag.ADMINISTRATION,
    summary="A user's sessions, the oldest first",
    description="The live ones.",
    returns=Returns(body=schemas.UserSessions),
    refuses=KNOWN,
)
async def all_of(request: web.Request, _: AdminToken) -> web.Response:
    held = await request.app[SERVICES].administration.sessions(user_id_of(request))
    return json_response(schemas.UserSessions(sessions=[schemas.UserSession.of(one) for one in held]))


@Description(
    tag=Tag.ADMINISTRATION,
    summary="End one session of a user",
    description="A `sessionId` of the list. Its tokens are refused at once.",
    returns=NOTHING,
    refuses=(*KNOWN, SessionNotFoundError),
)
async def end(request: web.Request, token: AdminToken) -> web.Response:
    session_id = request.match_info["sessionId"]
    await request.app[SERVICES].administration.end_session(user_id_of(request), session_id, token.actor)
    return no_content()


@Description(
    tag=Tag.ADMINISTRATION,
    summary="End every session of a user",
    description="Their tokens are refused at once. API keys are not ended.",
    returns=Returns(body=schemas.EndedSessions),
    refuses=KNOWN,
)
async def end_all(request: web.Request, token: AdminToken) -> web.Response:
    count = await request.app[SERVICES].administration.end_sessions(user_id_of(request), token.actor)
    return json_response(schemas.EndedSessions(sessions=count))


@Description(
    tag=Tag.ADMINISTRATION,
    summary="End every session of everybody",
    description="After a breach: every signing key dies with them, and everybody has to log in again. A body that does "
    "not say so is refused.",
    takes=schemas.EndEverybodys,
    returns=Returns(body=schemas.EndedEverybodys),
)
async def end_everybodys(request: web.Request, token: AdminToken) -> web.Response:
    await read(request, schemas.EndEverybodys)
    counts = await request.app[SERVICES].oversight.end_everybodys_sessions(token.actor)
    return json_response(schemas.EndedEverybodys.of(counts))
