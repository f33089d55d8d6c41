"""A member's second factors."""

from aiohttp import web

from service.api import factor_schemas as schemas
from service.api.context import SERVICES
from service.api.description import AUTHORIZE, CONFIRMING, NOTHING, Description, Returns, Tag
from service.domain.models import Caller
from service.errors import FactorExistsError, FactorNotFoundError, InvalidCodeError, RateLimitedError, UnavailableError
from service.http.account_schemas import Factors
from service.http.context import visitor_of
from service.http.request_body import read
from service.http.responses import json_response, no_content


@Description(
    tag=Tag.SECOND_FACTORS,
    summary="My second factors",
    description=f"`totp` is null without an authenticator app. {AUTHORIZE}",
    returns=Returns(body=Factors),
    refuses=(RateLimitedError, UnavailableError),
)
async def all_of(request: web.Request, caller: Caller) -> web.Response:
    services = request.app[SERVICES]
    held, passkeys = await services.factors.held_by(caller), await services.passkeys.all_of(caller)
    return json_response(Factors.of(held, passkeys), null=True)


@Description(
    tag=Tag.SECOND_FACTORS,
    summary="Begin with an authenticator app",
    description="A new secret for it. Nothing has changed before a code of the app is sent to "
    f"`/auth/factors/totp/confirm`, within ten minutes. {AUTHORIZE}",
    takes=schemas.ConfirmWithPassword,
    returns=Returns(body=schemas.TotpSecret),
    refuses=(FactorExistsError, *CONFIRMING),
)
async def begin_totp(request: web.Request, caller: Caller) -> web.Response:
    services, visitor = request.app[SERVICES], visitor_of(request)
    services.passwords.refuse_if_full(visitor)
    body = await read(request, schemas.ConfirmWithPassword)
    new = await services.factors.begin_totp(caller, body.password, body.proof, visitor)
    return json_response(schemas.TotpSecret.of(new))


@Description(
    tag=Tag.SECOND_FACTORS,
    summary="Show that the app works: from now on a login asks for its codes",
    description="The answer has ten recovery codes, shown once, for the day when the app is gone. Every other session "
    f"of mine is over. {AUTHORIZE}",
    takes=schemas.ConfirmTotp,
    returns=Returns(body=schemas.RecoveryCodes),
    refuses=(FactorExistsError, InvalidCodeError, RateLimitedError, UnavailableError),
)
async def confirm_totp(request: web.Request, caller: Caller) -> web.Response:
    body = await read(request, schemas.ConfirmTotp)
    codes = await request.app[SERVICES].factors.confirm_totp(caller, body.code, visitor_of(request))
    return json_response(schemas.RecoveryCodes.of(codes))


@Description(
    tag=Tag.SECOND_FACTORS,
    summary="Remove the authenticator app",
    description=f"The recovery codes go with the last second factor. {AUTHORIZE}",
    takes=schemas.ConfirmWithPassword,
    returns=NOTHING,
    refuses=(FactorNotFoundError, *CONFIRMING),
)
async def remove_totp(request: web.Request, caller: Caller) -> web.Response:
    services, visitor = request.app[SERVICES], visitor_of(request)
    services.passwords.refuse_if_full(visitor)
    body = await read(request, schemas.ConfirmWithPassword)
    await services.factors.remove_totp(caller, body.password, body.proof, visitor)
    return no_content()


@Description(
    tag=Tag.SECOND_FACTORS,
    summary="New recovery codes; the old ones are void",
    description=f"Ten, shown once. {AUTHORIZE}",
    takes=schemas.ConfirmWithPassword,
    returns=Returns(body=schemas.RecoveryCodes),
    refuses=(FactorNotFoundError, *CONFIRMING),
)
async def replace_recovery_codes(request: web.Request, caller: Caller) -> web.Response:
    services, visitor = request.app[SERVICES], visitor_of(request)
    services.passwords.refuse_if_full(visitor)
    body = await read(request, schemas.ConfirmWithPassword)
    codes = await services.factors.replace_recovery_codes(caller, body.password, body.proof, visitor)
    return json_response(schemas.RecoveryCodes.of(codes))
