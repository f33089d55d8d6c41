"""A member's named API keys."""

from http import HTTPStatus

from aiohttp import web

from service.api import api_key_schemas
from service.api.context import SERVICES
from service.api.description import AUTHORIZE, NOTHING, Description, Returns, Tag
from service.domain.models import Caller
from service.errors import (
    ApiKeyNotFoundError,
    InvalidCodeError,
    RateLimitedError,
    SecondFactorRequiredError,
    TooManyError,
    UnavailableError,
)
from service.http.account_schemas import ShownKey
from service.http.context import visitor_of
from service.http.request_body import read
from service.http.responses import json_response, no_content


@Description(
    tag=Tag.ACCOUNT,
    summary="My named API keys, the oldest first",
    description=f"Without the keys themselves: each was shown once. {AUTHORIZE}",
    returns=Returns(body=api_key_schemas.NamedKeys),
    refuses=(RateLimitedError, UnavailableError),
)
async def all_of(request: web.Request, caller: Caller) -> web.Response:
    held = await request.app[SERVICES].named_api_keys.all_of(caller)
    return json_response(api_key_schemas.NamedKeys(api_keys=[ShownKey.of(one) for one in held]))


@Description(
    tag=Tag.ACCOUNT,
    summary="Make a named API key; it is shown this once",
    description="It is accepted wherever an API key is, until it expires or is ended. At most 50, expired ones not "
    "counted: those are removed when the next is made. Members that are not known are refused. `code` or `credential` "
    f"is for accounts with a second factor. {AUTHORIZE}",
    takes=api_key_schemas.MakeNamedKey,
    returns=Returns(HTTPStatus.CREATED, api_key_schemas.NamedKeyMade),
    refuses=(
        TooManyError,
        SecondFactorRequiredError,
        InvalidCodeError,
        RateLimitedError,
        UnavailableError,
    ),
)
async def make(request: web.Request, caller: Caller) -> web.Response:
    body = await read(request, api_key_schemas.MakeNamedKey)
    key, text = await request.app[SERVICES].named_api_keys.make(caller, body.wanted(), body.proof, visitor_of(request))
    made = api_key_schemas.NamedKeyMade.of(key).model_copy(update={"api_key": text})
    return json_response(made, HTTPStatus.CREATED)


@Description(
    tag=Tag.ACCOUNT,
    summary="End a named API key",
    description=f"It is refused from now on. {AUTHORIZE}",
    returns=NOTHING,
    refuses=(ApiKeyNotFoundError, RateLimitedError, UnavailableError),
)
async def end(request: web.Request, caller: Caller) -> web.Response:
    await request.app[SERVICES].named_api_keys.end(caller, request.match_info["keyId"])
    return no_content()
