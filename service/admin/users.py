"""Accounts."""

from http import HTTPStatus
from uuid import UUID

from aiohttp import web

from service.admin import user_schemas
from service.api.context import SERVICES
from service.api.description import HASHING, NOTHING, Description, Returns, Tag
from service.domain.administration.models import AdminToken
from service.errors import EmailTakenError, IdTakenError, NotConfiguredError, TooManyError, UserNotFoundError
from service.http import query
from service.http.context import visitor_of
from service.http.request_body import read
from service.http.responses import json_response, no_content

KNOWN = (UserNotFoundError,)


def user_id_of(request: web.Request) -> UUID:
    """Of the path. Raises UserNotFoundError for whatever is no id."""
    try:
        return UUID(request.match_info["userId"])
    except ValueError:
        raise UserNotFoundError from None


@Description(
    tag=Tag.ADMINISTRATION,
    summary="Users, by the beginning of their address",
    description="In the order of their addresses, page by page: whoever comes or goes meanwhile moves nobody else "
    "between pages.",
    query=user_schemas.UsersQuery,
    returns=Returns(body=user_schemas.Users),
)
async def all_of(request: web.Request, _: AdminToken) -> web.Response:
    asked = query.read(request, user_schemas.UsersQuery)
    prefix = asked.email.strip().lower()
    return json_response(
        user_schemas.Users.of(await request.app[SERVICES].administration.users(prefix, asked.after, asked.limit))
    )


@Description(
    tag=Tag.ADMINISTRATION,
    summary="One user",
    description="Without anything secret.",
    returns=Returns(body=user_schemas.User),
    refuses=KNOWN,
)
async def one(request: web.Request, _: AdminToken) -> web.Response:
    return json_response(user_schemas.User.of(await request.app[SERVICES].administration.user(user_id_of(request))))


@Description(
    tag=Tag.ADMINISTRATION,
    summary="Open an account",
    description="With a password, the hash of one, or a mail to set it (`invite`): with one of these, or without. The "
    "user is told by mail. Members that are not known are refused.",
    takes=user_schemas.CreateUser,
    returns=Returns(HTTPStatus.CREATED, user_schemas.User),
    refuses=(EmailTakenError, IdTakenError, NotConfiguredError, *HASHING),
)
async def create(request: web.Request, token: AdminToken) -> web.Response:
    body = await read(request, user_schemas.CreateUser)
    user = await request.app[SERVICES].administration.create(body.wanted(), token.actor, visitor_of(request))
    return json_response(user_schemas.User.of(user), HTTPStatus.CREATED)


@Description(
    tag=Tag.ADMINISTRATION,
    summary="Change names, groups and claims",
    description="All of it or nothing. Tokens carry them from the next login or refresh on. Members that are not known "
    "are refused.",
    takes=user_schemas.ChangeUser,
    returns=Returns(body=user_schemas.User),
    refuses=(*KNOWN, TooManyError),
)
async def change(request: web.Request, token: AdminToken) -> web.Response:
    body, user_id = await read(request, user_schemas.ChangeUser), user_id_of(request)
    user = await request.app[SERVICES].administration.change(user_id, body.wanted(), token.actor)
    return json_response(user_schemas.User.of(user))


@Description(
    tag=Tag.ADMINISTRATION,
    summary="Delete an account",
    description="With all that it has. Its sessions end; no call undoes it.",
    returns=NOTHING,
    refuses=KNOWN,
)
async def remove(request: web.Request, token: AdminToken) -> web.Response:
    await request.app[SERVICES].administration.delete(user_id_of(request), token.actor)
    return no_content()


@Description(
    tag=Tag.ADMINISTRATION,
    summary="Disable an account",
    description="Nobody can log in to it, and its sessions and API keys are refused.",
    returns=NOTHING,
    refuses=KNOWN,
)
async def disable(request: web.Request, token: AdminToken) -> web.Response:
    await request.app[SERVICES].administration.disable(user_id_of(request), token.actor)
    return no_content()


@Description(
    tag=Tag.ADMINISTRATION,
    summary="Enable an account again",
    description="Its sessions are not back; its API keys are.",
    returns=NOTHING,
    refuses=KNOWN,
)
async def enable(request: web.Request, token: AdminToken) -> web.Response:
    await request.app[SERVICES].administration.enable(user_id_of(request), token.actor)
    return no_content()


@Description(
    tag=Tag.ADMINISTRATION,
    summary="Send a mail to set another password",
    description="As `POST /auth/forgot` does. Until the user answers it, nothing is changed. None is sent to a "
    "disabled account, or to an address that has got as many as `throttle.mail_address` allows.",
    returns=NOTHING,
    refuses=(*KNOWN, NotConfiguredError),
)
async def send_reset(request: web.Request, token: AdminToken) -> web.Response:
    await request.app[SERVICES].administration.send_reset(user_id_of(request), token.actor)
    return no_content()


@Description(
    tag=Tag.ADMINISTRATION,
    summary="Remove every second factor",
    description="For a user who is locked out: authenticator app, passkeys and recovery codes. Ends every session.",
    returns=NOTHING,
    refuses=KNOWN,
)
async def remove_factors(request: web.Request, token: AdminToken) -> web.Response:
    await request.app[SERVICES].administration.remove_factors(user_id_of(request), token.actor)
    return no_content()
