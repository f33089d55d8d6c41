"""The four calls."""

from http import HTTPStatus

from aiohttp import web

from service.api import schemas
from service.domain.accounts.accounts import Draft
from service.domain.models import Caller
from service.http import problems, request_body
from service.http.context import SERVICES, note_source, visitor_of


async def sign_up(request: web.Request) -> web.Response:
    accounts, visitor = request.app[SERVICES].accounts, visitor_of(request)
    accounts.refuse_when_full(visitor)
    body = await request_body.read(request, schemas.SignUp)
    user_id, api_key = await accounts.sign_up(
        Draft(body.email, body.password, body.first_name, body.last_name), visitor
    )
    welcome = schemas.SignedUp(message="The account is ready. Log in to get tokens.", user_id=user_id, api_key=api_key)
    return problems.answer(welcome, HTTPStatus.CREATED)


async def login(request: web.Request) -> web.Response:
    sessions, visitor = request.app[SERVICES].sessions, visitor_of(request)
    sessions.refuse_when_full(visitor)
    body = await request_body.read(request, schemas.Login)
    done = await sessions.login(body.email, body.password, visitor)
    return problems.answer(
        schemas.SignedIn(
            id_token=done.tokens.id_token,
            access_token=done.tokens.access_token,
            refresh_token=done.refresh_token,
            api_key=done.api_key,
            first_name=done.user.first_name,
            last_name=done.user.last_name,
            email=done.user.email,
        )
    )


async def refresh(request: web.Request) -> web.Response:
    body = await request_body.read(request, schemas.Refresh)
    done = await request.app[SERVICES].sessions.refresh(body.refresh_token, visitor_of(request))
    return problems.answer(
        schemas.Refreshed(
            id_token=done.tokens.id_token, access_token=done.tokens.access_token, refresh_token=done.refresh_token
        )
    )


async def logout(request: web.Request, caller: Caller) -> web.Response:
    note_source(request)
    body = await request_body.read(request, schemas.Logout)
    await request.app[SERVICES].sessions.logout(caller, body.access_token)
    return problems.answer(schemas.Message(message="Logged out. The session's tokens are refused from now on."))
