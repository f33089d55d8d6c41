"""Passkeys: adding and removing them, and logging in by one."""

from http import HTTPStatus

from aiohttp import web

from service.api import factor_schemas, passkey_schemas, schemas
from service.api.context import SERVICES
from service.api.description import AUTHORIZE, CONFIRMING, NOTHING, Description, Returns, Tag
from service.domain.models import Caller
from service.errors import (
    EmailNotVerifiedError,
    FactorExistsError,
    FactorNotFoundError,
    InvalidCodeError,
    NotConfiguredError,
    RateLimitedError,
    TooManyError,
    UnavailableError,
)
from service.http.context import visitor_of
from service.http.request_body import read
from service.http.responses import json_response, no_content


@Description(
    tag=Tag.SECOND_FACTORS,
    summary="Start adding a passkey",
    description="Options for the browser. What it makes of them goes to `/auth/factors/passkeys`, within five minutes. "
    f"At most ten. {AUTHORIZE}",
    takes=factor_schemas.ConfirmWithPassword,
    returns=Returns(body=passkey_schemas.RegistrationOptions),
    refuses=(NotConfiguredError, TooManyError, *CONFIRMING),
)
async def registration_options(request: web.Request, caller: Caller) -> web.Response:
    services, visitor = request.app[SERVICES], visitor_of(request)
    services.passwords.refuse_if_full(visitor)
    body = await read(request, factor_schemas.ConfirmWithPassword)
    options = await services.passkeys.begin(caller, body.password, body.proof, visitor)
    return json_response(passkey_schemas.RegistrationOptions.model_validate(options))


@Description(
    tag=Tag.SECOND_FACTORS,
    summary="Add the passkey that the browser made",
    description="From now on it logs in by itself, and a login with the password asks for a second factor. Every other "
    f"session of mine is over. With the first second factor come ten recovery codes, shown once. {AUTHORIZE}",
    takes=passkey_schemas.AddPasskey,
    returns=Returns(HTTPStatus.CREATED, passkey_schemas.PasskeyAdded),
    refuses=(
        NotConfiguredError,
        InvalidCodeError,
        FactorExistsError,
        TooManyError,
        RateLimitedError,
        UnavailableError,
    ),
)
async def add(request: web.Request, caller: Caller) -> web.Response:
    body = await read(request, passkey_schemas.AddPasskey)
    passkeys, visitor = request.app[SERVICES].passkeys, visitor_of(request)
    passkey, codes = await passkeys.add(caller, body.credential, body.name, visitor)
    return json_response(passkey_schemas.PasskeyAdded.of(passkey, codes), HTTPStatus.CREATED)


@Description(
    tag=Tag.SECOND_FACTORS,
    summary="Rename a passkey",
    description=AUTHORIZE,
    takes=passkey_schemas.RenamePasskey,
    returns=NOTHING,
    refuses=(FactorNotFoundError, RateLimitedError, UnavailableError),
)
async def rename(request: web.Request, caller: Caller) -> web.Response:
    body = await read(request, passkey_schemas.RenamePasskey)
    await request.app[SERVICES].passkeys.rename(caller, request.match_info["passkeyId"], body.name)
    return no_content()


@Description(
    tag=Tag.SECOND_FACTORS,
    summary="Do without a passkey",
    description=f"The recovery codes go with the last second factor. {AUTHORIZE}",
    takes=factor_schemas.ConfirmWithPassword,
    returns=NOTHING,
    refuses=(FactorNotFoundError, *CONFIRMING),
)
async def remove(request: web.Request, caller: Caller) -> web.Response:
    services, visitor = request.app[SERVICES], visitor_of(request)
    services.passwords.refuse_if_full(visitor)
    body = await read(request, factor_schemas.ConfirmWithPassword)
    passkey_id = request.match_info["passkeyId"]
    await services.passkeys.remove(caller, passkey_id, body.password, body.proof, visitor)
    return no_content()


@Description(
    tag=Tag.SECOND_FACTORS,
    summary="Begin a login by passkey",
    description="Options for the browser, the same for everybody. What it answers goes to `/auth/login/passkey`, or as "
    "`credential` to a call that asks for a second factor, within five minutes.",
    returns=Returns(body=passkey_schemas.AssertionOptions),
    refuses=(NotConfiguredError, RateLimitedError, UnavailableError),
)
async def login_options(request: web.Request) -> web.Response:
    options = await request.app[SERVICES].passkeys.begin_login(visitor_of(request))
    return json_response(passkey_schemas.AssertionOptions.model_validate(options))


@Description(
    tag=Tag.SECOND_FACTORS,
    summary="Log in with a passkey alone",
    description="It says whose it is, and is both factors: the answer is that of `/auth/login`.",
    takes=passkey_schemas.PasskeyLogin,
    returns=Returns(body=schemas.SignedIn),
    refuses=(NotConfiguredError, InvalidCodeError, EmailNotVerifiedError, RateLimitedError, UnavailableError),
)
async def login(request: web.Request) -> web.Response:
    body = await read(request, passkey_schemas.PasskeyLogin)
    signed_in = await request.app[SERVICES].login.with_passkey(body.credential, visitor_of(request))
    return json_response(schemas.SignedIn.of(signed_in))
