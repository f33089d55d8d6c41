"""Endpoints of a member's own account: profile, API key, password, removal, export."""

from aiohttp import web

from service.api import factor_schemas, profile_schemas, schemas
from service.api.context import SERVICES
from service.api.description import AUTHORIZE, CONFIRMING, NOTHING, Description, Returns, Tag
from service.broken_fields import BrokenField, FieldCode
from service.domain.models import Caller, Member
from service.domain.second_factors.models import NO_PROOF
from service.errors import (
    InvalidCodeError,
    InvalidFieldsError,
    RateLimitedError,
    SecondFactorRequiredError,
    UnavailableError,
)
from service.http import account_export, account_schemas, query
from service.http.context import visitor_of
from service.http.request_body import read, read_optional
from service.http.responses import json_response, no_content

PASSWORD_CHANGED = "The password is changed. Every other session is over."  # noqa: S105 - a sentence
INCLUDE, INCLUDES = "include", frozenset({"emailVerified", "factors"})


@Description(
    tag=Tag.ACCOUNT,
    summary="Who I am",
    description="The profile of whoever the id token or the API key belongs to. `include` adds members to it.",
    query=profile_schemas.ProfileQuery,
    returns=Returns(body=profile_schemas.Profile),
    refuses=(InvalidFieldsError, RateLimitedError, UnavailableError),
)
async def me(request: web.Request, who: Member) -> web.Response:
    has_query = bool(request.rel_url.raw_query_string)
    asked = query.read(request, profile_schemas.ProfileQuery).include if has_query else ""
    included = frozenset(one.strip() for one in asked.split(",")) - {""} if asked else frozenset()
    if not included <= INCLUDES:
        known = " and ".join(sorted(INCLUDES))
        message = f"what can be included is {known}"
        raise InvalidFieldsError([BrokenField(INCLUDE, FieldCode.UNKNOWN_VALUE, message)])
    services = request.app[SERVICES]
    user = await services.accounts.profile(who)
    factors = await services.factors.names_of(user) if "factors" in included else None
    return json_response(profile_schemas.Profile.of(user, included, factors))


@Description(
    tag=Tag.ACCOUNT,
    summary="Change my first or last name",
    description=f"Send what is to change. Tokens carry the new names from the next refresh or login on. {AUTHORIZE}",
    takes=profile_schemas.ChangeNames,
    returns=Returns(body=profile_schemas.Profile),
    refuses=(RateLimitedError, UnavailableError),
)
async def change_names(request: web.Request, caller: Caller) -> web.Response:
    body = await read(request, profile_schemas.ChangeNames)
    if body.first_name is None and body.last_name is None:
        raise InvalidFieldsError([BrokenField("firstName", FieldCode.MISSING, "send firstName, lastName or both")])
    user = await request.app[SERVICES].accounts.change_names(caller, body.first_name, body.last_name)
    return json_response(profile_schemas.Profile.of(user))


@Description(
    tag=Tag.ACCOUNT,
    summary="Replace my API key",
    description=f"The old key stops at once, unless `api_keys.overlap` lets it go on for a while. The body is for "
    f"accounts with a second factor. {AUTHORIZE}",
    takes=factor_schemas.Proving,
    body_is_optional=True,
    returns=Returns(body=schemas.ApiKey),
    refuses=(SecondFactorRequiredError, InvalidCodeError, RateLimitedError, UnavailableError),
)
async def rotate_api_key(request: web.Request, caller: Caller) -> web.Response:
    body = await read_optional(request, factor_schemas.Proving)
    proof = body.proof if body else NO_PROOF
    api_key = await request.app[SERVICES].accounts.rotate_api_key(caller, proof, visitor_of(request))
    return json_response(schemas.ApiKey(api_key=api_key))


@Description(
    tag=Tag.ACCOUNT,
    summary="Change my password; every other session of mine is over",
    description=f"Asks for the current password, as a login does. The session that calls goes on. {AUTHORIZE}",
    takes=schemas.ChangePassword,
    returns=Returns(body=schemas.Message, message=PASSWORD_CHANGED),
    refuses=CONFIRMING,
)
async def change_password(request: web.Request, caller: Caller) -> web.Response:
    services, visitor = request.app[SERVICES], visitor_of(request)
    services.passwords.refuse_if_full(visitor)
    body = await read(request, schemas.ChangePassword)
    await services.accounts.change_password(caller, body.current_password, body.new_password, body.proof, visitor)
    return json_response(schemas.Message(message=PASSWORD_CHANGED))


@Description(
    tag=Tag.ACCOUNT,
    summary="Remove my account",
    description=f"The account, its sessions and its key are gone; this cannot be undone. {AUTHORIZE}",
    takes=schemas.CloseAccount,
    returns=NOTHING,
    refuses=CONFIRMING,
)
async def close(request: web.Request, caller: Caller) -> web.Response:
    services, visitor = request.app[SERVICES], visitor_of(request)
    services.passwords.refuse_if_full(visitor)
    body = await read(request, schemas.CloseAccount)
    await services.accounts.close(caller, body.password, body.proof, visitor)
    return no_content()


@Description(
    tag=Tag.ACCOUNT,
    summary="Everything that is stored about me",
    description=f"All but the hash of the password, and what is sealed or digested. {AUTHORIZE}",
    returns=Returns(body=account_schemas.Export),
    refuses=(RateLimitedError, UnavailableError),
)
async def export(request: web.Request, caller: Caller) -> web.Response:
    return await account_export.export(request, request.app[SERVICES], caller)
