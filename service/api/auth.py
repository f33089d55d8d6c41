"""Sign-up, login, refresh and logout."""

from http import HTTPStatus

from aiohttp import web

from service.api import factor_schemas, schemas
from service.api.context import SERVICES
from service.api.description import HASHING, Description, Returns, Tag
from service.broken_fields import BrokenField, FieldCode
from service.domain.accounts.new_accounts import NewAccount
from service.domain.models import Caller
from service.errors import (
    EmailNotVerifiedError,
    EmailTakenError,
    FactorSetupRequiredError,
    InvalidAccessTokenError,
    InvalidChallengeError,
    InvalidCodeError,
    InvalidCredentialsError,
    InvalidFieldsError,
    InvalidInvitationError,
    InvalidRefreshTokenError,
    RateLimitedError,
    SecondFactorRequiredError,
    SignUpClosedError,
    TokenMismatchError,
    UnavailableError,
)
from service.http.context import visitor_of
from service.http.languages import language_of
from service.http.request_body import read
from service.http.responses import json_response

LOGGED_OUT = "Logged out. The session's tokens are refused from now on."


@Description(
    tag=Tag.SIGN_IN,
    summary="Create an account; it is active at once",
    description="No e-mail step comes first. One address has one account, however it is spelt. The `apiKey` is for the "
    "header `x-api-key`; each login returns it again. By setting, nobody can sign up, or those alone who have an "
    "`invitation`.",
    takes=schemas.SignUp,
    returns=Returns(HTTPStatus.CREATED, schemas.SignedUp),
    refuses=(SignUpClosedError, InvalidInvitationError, EmailTakenError, *HASHING),
)
async def sign_up(request: web.Request) -> web.Response:
    services, visitor = request.app[SERVICES], visitor_of(request)
    services.new_accounts.registration.require_open()
    services.passwords.refuse_if_full(visitor)
    body = await read(request, schemas.SignUp)
    new = NewAccount(
        body.email,
        body.password,
        body.first_name,
        body.last_name,
        language_of(request),
        invitation=body.invitation or "",
    )
    user, api_key = await services.new_accounts.sign_up(new, visitor)
    welcome = schemas.SignedUp(message="The account is ready. Log in to get tokens.", user_id=user.id, api_key=api_key)
    return json_response(welcome, HTTPStatus.CREATED)


@Description(
    tag=Tag.SIGN_IN,
    summary="Log in with e-mail and password",
    description="Opens a session. The `idToken` goes into `Authorization: Bearer …` of each call after this, the "
    "`accessToken` into logout, the `refreshToken` into refresh. Id and access tokens live for an hour, a session for "
    "30 days, by default. An account with a second factor needs `code` as well; without it the answer is a `challenge` "
    "for `/auth/login/challenge`. Where each account must have one and this one has none, `factors` is empty and the "
    "`challenge` is for `/auth/login/totp`.",
    takes=schemas.Login,
    returns=Returns(body=schemas.SignedIn),
    refuses=(
        InvalidCredentialsError,
        EmailNotVerifiedError,
        SecondFactorRequiredError,
        FactorSetupRequiredError,
        InvalidCodeError,
        *HASHING,
    ),
)
async def login(request: web.Request) -> web.Response:
    services, visitor = request.app[SERVICES], visitor_of(request)
    services.passwords.refuse_if_full(visitor)
    body = await read(request, schemas.Login)
    signed_in = await services.login.with_password(body.email, body.password, visitor, body.proof)
    return json_response(schemas.SignedIn.of(signed_in))


@Description(
    tag=Tag.SECOND_FACTORS,
    summary="Log in, the second step",
    description="The `challenge` that a login answered, with a `code` or a passkey's `credential`. It is good for five "
    "minutes, five tries and one session.",
    takes=factor_schemas.AnswerChallenge,
    returns=Returns(body=schemas.SignedIn),
    refuses=(InvalidChallengeError, InvalidCodeError, RateLimitedError, UnavailableError),
)
async def answer_challenge(request: web.Request) -> web.Response:
    body = await read(request, factor_schemas.AnswerChallenge)
    if body.proof.is_empty:
        raise InvalidFieldsError([BrokenField("code", FieldCode.MISSING, "is required, or `credential`")])
    login = request.app[SERVICES].login
    return json_response(
        schemas.SignedIn.of(await login.with_challenge(body.challenge, body.proof, visitor_of(request)))
    )


@Description(
    tag=Tag.SECOND_FACTORS,
    summary="Set up an authenticator app to log in",
    description="The `challenge` of a login to an account that must have a second factor and has none. A new secret "
    "for the app, in place of one that was begun before. Nothing has changed before a code of it is sent to "
    "`/auth/login/totp/confirm`.",
    takes=factor_schemas.SetUpTotp,
    returns=Returns(body=factor_schemas.TotpSecret),
    refuses=(InvalidChallengeError, RateLimitedError, UnavailableError),
)
async def begin_totp(request: web.Request) -> web.Response:
    body = await read(request, factor_schemas.SetUpTotp)
    new = await request.app[SERVICES].factor_setup.begin(body.challenge, visitor_of(request))
    return json_response(factor_schemas.TotpSecret.of(new))


@Description(
    tag=Tag.SECOND_FACTORS,
    summary="Show that the app works, and log in",
    description="From now on each login asks for its codes. The answer has ten recovery codes, shown once, for the day "
    "when the app is gone. Every other session of the account is over. The `challenge` takes five tries.",
    takes=factor_schemas.FinishTotp,
    returns=Returns(body=schemas.SignedInWithFactor),
    refuses=(InvalidChallengeError, InvalidCodeError, RateLimitedError, UnavailableError),
)
async def confirm_totp(request: web.Request) -> web.Response:
    body = await read(request, factor_schemas.FinishTotp)
    setup = request.app[SERVICES].factor_setup
    signed_in, codes = await setup.finish(body.challenge, body.code, visitor_of(request))
    return json_response(schemas.SignedInWithFactor.of(signed_in, codes))


@Description(
    tag=Tag.SIGN_IN,
    summary="Get new tokens without the password",
    description="New tokens of the same session. The refresh token stays valid unless the service rotates refresh "
    "tokens: then the answer holds the next one, and the old one is spent.",
    takes=schemas.Refresh,
    returns=Returns(body=schemas.Refreshed),
    refuses=(InvalidRefreshTokenError, RateLimitedError, UnavailableError),
)
async def refresh(request: web.Request) -> web.Response:
    body = await read(request, schemas.Refresh)
    refreshed = await request.app[SERVICES].sessions.refresh(body.refresh_token, visitor_of(request))
    return json_response(schemas.Refreshed.of(refreshed))


@Description(
    tag=Tag.SIGN_IN,
    summary="End the session, on every instance",
    description="Every token of the session is refused from now on. Both tokens must be of the same session. The API "
    "key goes on working.",
    takes=schemas.Logout,
    returns=Returns(body=schemas.Message, message=LOGGED_OUT),
    refuses=(InvalidAccessTokenError, TokenMismatchError, UnavailableError),
)
async def logout(request: web.Request, caller: Caller) -> web.Response:
    body = await read(request, schemas.Logout)
    await request.app[SERVICES].sessions.logout(caller, body.access_token)
    return json_response(schemas.Message(message=LOGGED_OUT))
