"""What members ask about themselves, and what they change."""

from collections.abc import AsyncIterator, Sequence

from aiohttp import web

from service.api import queries, schemas
from service.domain.models import Caller, Member, Session
from service.domain.sessions.models import Revocation
from service.http import problems, request_body
from service.http.context import SERVICES, note_source, visitor_of


async def me(request: web.Request, who: Member) -> web.Response:
    user = await request.app[SERVICES].accounts.profile(who)
    return problems.answer(
        schemas.Profile(
            user_id=user.id,
            email=user.email,
            first_name=user.first_name,
            last_name=user.last_name,
            created_at=user.created_at,
        )
    )


async def sessions(request: web.Request, caller: Caller) -> web.Response:
    held = await request.app[SERVICES].sessions.all_of(caller)
    return problems.answer(schemas.Sessions(sessions=[_shown(one, caller) for one in held]))


async def end_session(request: web.Request, caller: Caller) -> web.Response:
    note_source(request)
    await request.app[SERVICES].sessions.end_one(caller, request.match_info["sessionId"])
    return problems.done()


async def end_sessions(request: web.Request, caller: Caller) -> web.Response:
    """All but the current one; with `?everywhere=true` the current one too."""
    note_source(request)
    held, query = request.app[SERVICES].sessions, queries.read(request, queries.EndSessions)
    await (held.end_all(caller) if query.everywhere else held.end_others(caller))
    return problems.done()


async def rotate_api_key(request: web.Request, caller: Caller) -> web.Response:
    accounts, visitor = request.app[SERVICES].accounts, visitor_of(request)
    return problems.answer(schemas.ApiKey(api_key=await accounts.rotate_api_key(caller, visitor)))


async def change_password(request: web.Request, caller: Caller) -> web.Response:
    accounts, visitor = request.app[SERVICES].accounts, visitor_of(request)
    accounts.refuse_when_full(visitor)
    body = await request_body.read(request, schemas.ChangePassword)
    await accounts.change_password(caller, body.current_password, body.new_password, visitor)
    return problems.answer(schemas.Message(message="The password is changed. Every other session is over."))


async def close(request: web.Request, caller: Caller) -> web.Response:
    accounts, visitor = request.app[SERVICES].accounts, visitor_of(request)
    accounts.refuse_when_full(visitor)
    body = await request_body.read(request, schemas.CloseAccount)
    await accounts.close(caller, body.password, visitor)
    return problems.done()


async def export(request: web.Request, caller: Caller) -> web.Response:
    services = request.app[SERVICES]
    user = await services.accounts.profile(Member(caller.user_id, caller.claims.email))
    held, ended = await services.sessions.all_of(caller), services.sessions.ended(caller)
    beginning = schemas.Export(
        user_id=user.id,
        email=user.email,
        canonical_email=user.canonical_email,
        first_name=user.first_name,
        last_name=user.last_name,
        created_at=user.created_at,
        password_changed_at=user.password_changed_at,
        sessions=[_shown(one, caller) for one in held],
        ended_sessions=[],
    )
    first: Sequence[Revocation] = await anext(ended, [])  # an outage can be told as long as nothing is sent
    return problems.stream(request, _exported(beginning, first, ended))


async def _exported(
    beginning: schemas.Export, first: Sequence[Revocation], others: AsyncIterator[Sequence[Revocation]]
) -> AsyncIterator[bytes]:
    """The document in pieces, of which one at a time is in memory: the ended sessions may be any number."""
    end = b"]}"  # of the last field, the list of ended sessions
    yield beginning.model_dump_json(by_alias=True).encode().removesuffix(end) + _listed(first)
    async for page in others:
        yield b"," + _listed(page)
    yield end


def _listed(page: Sequence[Revocation]) -> bytes:
    shown = [schemas.EndedSession(session_id=one.session_id, remembered_until=one.forget_at) for one in page]
    return schemas.ENDED_SESSIONS.dump_json(shown, by_alias=True)[1:-1]


def _shown(session: Session, caller: Caller) -> schemas.Session:
    return schemas.Session(
        session_id=session.id,
        created_at=session.started_at,
        last_used_at=session.last_used_at,
        ip=session.source,
        user_agent=session.user_agent,
        current=session.id == caller.session_id,
    )
