"""The domain's refusals as pages say them: status, words, and the field that they belong to."""

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from math import ceil
from typing import NamedTuple

from service import errors
from service.errors import AuthError
from service.http.errors import (
    BodyTimeoutError,
    BodyTooLargeError,
    HttpError,
    MalformedRequestError,
    MethodNotAllowedError,
    NotFoundError,
    UnsupportedFormError,
)
from service.pages.forms import Refused


class Worded(NamedTuple):
    status: HTTPStatus
    words: str
    field: str = ""


REFUSALS: Mapping[type[AuthError], Worded] = {
    errors.InvalidFieldsError: Worded(HTTPStatus.UNPROCESSABLE_ENTITY, "Some fields need another look."),
    errors.InvalidCredentialsError: Worded(HTTPStatus.UNAUTHORIZED, "The e-mail address or the password is wrong."),
    errors.WrongPasswordError: Worded(HTTPStatus.UNAUTHORIZED, "The password is wrong.", "password"),
    errors.EmailNotVerifiedError: Worded(
        HTTPStatus.FORBIDDEN, "Confirm your e-mail address first: a mail with a link is on its way to you."
    ),
    errors.InvalidTokenError: Worded(HTTPStatus.UNAUTHORIZED, "You are signed out. Sign in again."),
    errors.InvalidChallengeError: Worded(HTTPStatus.UNAUTHORIZED, "That took too long. Sign in again."),
    errors.InvalidCodeError: Worded(HTTPStatus.UNAUTHORIZED, "The code is wrong, or was used before.", "code"),
    errors.SecondFactorRequiredError: Worded(HTTPStatus.UNAUTHORIZED, "Type a code of your app too.", "code"),
    errors.FactorSetupRequiredError: Worded(HTTPStatus.UNAUTHORIZED, "Set up an authenticator app to go on."),
    errors.EmailTakenError: Worded(
        HTTPStatus.CONFLICT, "This e-mail address has an account. Sign in instead, or set a new password.", "email"
    ),
    errors.SignUpClosedError: Worded(HTTPStatus.FORBIDDEN, errors.SignUpClosedError.message),
    errors.InvalidInvitationError: Worded(HTTPStatus.FORBIDDEN, errors.InvalidInvitationError.message),
    errors.UserNotFoundError: Worded(HTTPStatus.NOT_FOUND, "There is no such account. It may have been closed."),
    errors.SessionNotFoundError: Worded(HTTPStatus.NOT_FOUND, "There is no such session. It may have ended already."),
    errors.FactorExistsError: Worded(HTTPStatus.CONFLICT, errors.FactorExistsError.message),
    errors.FactorNotFoundError: Worded(HTTPStatus.NOT_FOUND, errors.FactorNotFoundError.message),
    errors.ApiKeyNotFoundError: Worded(HTTPStatus.NOT_FOUND, errors.ApiKeyNotFoundError.message),
    errors.TooManyError: Worded(HTTPStatus.CONFLICT, errors.TooManyError.message),
    errors.NotConfiguredError: Worded(HTTPStatus.NOT_IMPLEMENTED, "This is not offered here."),
    errors.RateLimitedError: Worded(HTTPStatus.TOO_MANY_REQUESTS, "Too many attempts. Try again in {wait}."),
    errors.OverloadedError: Worded(
        HTTPStatus.SERVICE_UNAVAILABLE, "Many people are signing in. Try again in a moment."
    ),
    errors.UnavailableError: Worded(HTTPStatus.SERVICE_UNAVAILABLE, "Something is down at the moment. Try again soon."),
    errors.MisfitError: Worded(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Something is wrong here. If it lasts, tell the operators: their log says why.",
    ),
}
OF_TRANSPORT: Mapping[type[HttpError], str] = {  # where what is said to programs does not do
    NotFoundError: "There is no page at this address.",
    MethodNotAllowedError: "This page cannot do that.",
    MalformedRequestError: "This form was not sent as our pages send it. Open the page again.",
    UnsupportedFormError: "This form was not sent as our pages send it. Open the page again.",
    BodyTooLargeError: "That is too long.",
    BodyTimeoutError: "That took too long to arrive. Try again.",
}
A_FEW = 90  # so many seconds or minutes are named as they are
FIELD_WORDS: Mapping[str, str] = {"is required": "Fill this in.", "must not be blank": "Fill this in."}


def status_of(refusal: AuthError) -> HTTPStatus:
    return refusal.status if isinstance(refusal, HttpError) else _row(refusal).status


def refused(error: AuthError) -> Refused:
    if isinstance(error, HttpError):
        words = next((OF_TRANSPORT[one] for one in type(error).__mro__ if one in OF_TRANSPORT), error.message)
        return Refused(words, {})
    row = _row(error)
    match error:
        case errors.InvalidFieldsError(broken=broken):
            return Refused(row.words, {one.field: _sentence(one.message) for one in broken})
        case errors.RateLimitedError(retry_after=wait):
            return Refused(row.words.format(wait=_spoken(wait)), {})
        case _:
            return Refused(row.words, {row.field: row.words} if row.field else {})


def _row(error: AuthError) -> Worded:
    """That of its class, or of the nearest class above it."""
    return next(REFUSALS[one] for one in type(error).__mro__ if one in REFUSALS)


def _sentence(message: str) -> str:
    message = FIELD_WORDS.get(message, message)
    text = f"This {message}" if message[:1].islower() else message
    return text if text.endswith(".") else f"{text}."


def _spoken(wait: timedelta) -> str:
    seconds = max(1, ceil(wait.total_seconds()))
    if seconds < A_FEW:
        return f"{seconds} seconds" if seconds > 1 else "a second"
    minutes = ceil(seconds / 60)
    return f"{minutes} minutes" if minutes < A_FEW else f"{ceil(minutes / 60)} hours"
