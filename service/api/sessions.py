"""A member's sessions: one for each login."""

from aiohttp import web

from service.api import schemas
from service.api.context import SERVICES
from service.api.description import AUTHORIZE, NOTHING, Description, Returns, Tag
from service.domain.models import Caller
from service.errors import RateLimitedError, SessionNotFoundError, UnavailableError
from service.http import query
from service.http.account_schemas import Session
from service.http.responses import json_response, no_content


@Description(
    tag=Tag.SESSIONS,
    summary="My sessions, the oldest first",
    description=f"`current` marks the session that asks. {AUTHORIZE}",
    returns=Returns(body=schemas.Sessions),
    refuses=(RateLimitedError, UnavailableError),
)
async def all_of(request: web.Request, caller: Caller) -> web.Response:
    held = await request.app[SERVICES].sessions.all_of(caller)
    return json_response(schemas.Sessions(sessions=[Session.of(one, caller.session_id) for one in held]))


@Description(
    tag=Tag.SESSIONS,
    summary="End all my sessions but this one; with ?everywhere=true this one too",
    description=f"For a member who has lost a device. {AUTHORIZE}",
    query=schemas.EndSessionsQuery,
    returns=NOTHING,
    refuses=(RateLimitedError, UnavailableError),
)
async def end_all(request: web.Request, caller: Caller) -> web.Response:
    sessions, asked = request.app[SERVICES].sessions, query.read(request, schemas.EndSessionsQuery)
    await (sessions.end_all(caller) if asked.everywhere else sessions.end_others(caller))
    return no_content()


@Description(
    tag=Tag.SESSIONS,
    summary="End one of my sessions, be it this one",
    description=f"A `sessionId` of the list; it is also the claim `origin_jti` of its tokens. {AUTHORIZE}",
    returns=NOTHING,
    refuses=(SessionNotFoundError, RateLimitedError, UnavailableError),
)
async def end(request: web.Request, caller: Caller) -> web.Response:
    await request.app[SERVICES].sessions.end_one(caller, request.match_info["sessionId"])
    return no_content()
