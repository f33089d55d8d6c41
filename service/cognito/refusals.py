"""Refusals of the domain and of HTTP in the words of this protocol. Each operation answers only what it declares."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import NamedTuple

from aiohttp import web

from service import errors
from service.broken_fields import FieldCode
from service.cognito.errors import CognitoError
from service.cognito.operation import CognitoOperation
from service.cognito.responses import failure
from service.domain.events.security_events import Reason
from service.errors import AuthError
from service.faults import Fault
from service.http import errors as http_errors

TOO_LARGE = "Request must be smaller than 65536 bytes."
UNAVAILABLE = "A store does not answer at the moment. Try again later."
DEFECT = "The service failed. The request id tells its operators where to look."
LIMITED = "Attempt limit exceeded, please try after some time."
RATE = "Rate exceeded"
NOT_HERE = "This user pool is not set up for that."


NEW_PASSWORDS = frozenset({"password", "newPassword"})  # fields of the domain
OF_PASSWORDS = {
    FieldCode.TOO_SHORT: "not long enough",
    FieldCode.TOO_LONG: "too long",
    FieldCode.NO_UPPERCASE: "must have uppercase characters",
    FieldCode.NO_LOWERCASE: "must have lowercase characters",
    FieldCode.NO_NUMBER: "must have numeric characters",
    FieldCode.NO_SPECIAL: "must have symbol characters",
    FieldCode.CONTROL_CHARACTER: "must have no control characters",
    FieldCode.COMMON: "must be harder to guess",
}


class Wording(NamedTuple):
    """One way to say a refusal: the name of the error without `Exception`, and its message."""

    kind: str
    text: str


Wordings = tuple[Wording, ...]  # the first that an operation declares is said
TAKEN = Wording("AliasExists", "An account with the given email already exists.")
NOT_NOW = Wording("Forbidden", RATE)
OVER_RATE = Wording("TooManyRequests", RATE), Wording("LimitExceeded", LIMITED), NOT_NOW


def _say(kind: str, text: str) -> Wordings:
    return (Wording(kind, text),)


def _access_token(error: errors.InvalidTokenError) -> Wordings:
    match error.why:
        case Fault.EXPIRED:
            return _say("NotAuthorized", "Access Token has expired")
        case Fault.REVOKED:
            return _say("NotAuthorized", "Access Token has been revoked")
        case Fault.ACCOUNT_GONE | Reason.DISABLED:
            return _say("NotAuthorized", "Access Token has been revoked")
        case _:
            return _say("NotAuthorized", "Invalid Access Token")


def _refresh_token(error: errors.InvalidRefreshTokenError) -> Wordings:
    match error.why:
        case Reason.REUSED:
            text = "Refresh token has been used already."
            return Wording("RefreshTokenReuse", text), Wording("NotAuthorized", text)
        case Reason.SESSION_ENDED | Reason.DISABLED:
            return _say("NotAuthorized", "Refresh Token has been revoked")
        case _:
            return _say("NotAuthorized", "Invalid Refresh Token.")


def _session(error: errors.InvalidChallengeError) -> Wordings:
    match error.why:
        case Fault.EXPIRED:
            return _say("NotAuthorized", "Invalid session for the user, session is expired.")
        case Reason.REUSED:
            return _say("NotAuthorized", "Invalid session for the user, session can only be used once.")
        case _:
            return _say("NotAuthorized", "Invalid session for the user.")


def _code(error: errors.InvalidCodeError) -> Wordings:
    expired = Wording("ExpiredCode", "Invalid code provided, please request a code again.")
    mismatch = Wording("CodeMismatch", "Invalid verification code provided, please try again.")
    match error.why:
        case Reason.CODE_OVER | Reason.NO_CODE:
            return expired, mismatch
        case Reason.NO_TRIES_LEFT:
            return Wording("LimitExceeded", LIMITED), mismatch
        case Reason.EMAIL_TAKEN:
            return TAKEN, expired
        case _:
            return mismatch, expired


def _limit(error: errors.RateLimitedError) -> Wordings:
    """SDKs repeat a call after TooManyRequests and LimitExceeded, and never after NotAuthorized.

    Forbidden is for operations that declare neither: NotAuthorized makes Amplify throw its tokens away.
    """
    name = error.policy.name if error.policy else ""
    if name.startswith("login"):
        return (
            Wording("LimitExceeded", LIMITED),  # not declared where somebody logs in
            Wording("NotAuthorized", "Password attempts exceeded"),
            Wording("TooManyRequests", RATE),
        )
    if name.startswith(("mail", "code", "password-change")):
        return Wording("LimitExceeded", LIMITED), Wording("TooManyRequests", RATE), NOT_NOW
    return OVER_RATE


def _fields(error: errors.InvalidFieldsError) -> Wordings:
    """Of a password the first rule alone is named, as clients expect it."""
    for one in error.broken:
        if one.field in NEW_PASSWORDS and one.code in OF_PASSWORDS:
            text = f"Password did not conform with policy: Password {OF_PASSWORDS[one.code]}"
            return Wording("InvalidPassword", text), Wording("InvalidParameter", text)
    return _say("InvalidParameter", "; ".join(f"{one.field} {one.message}".strip() for one in error.broken))


NO_SIGN_UP = _say("NotAuthorized", "SignUp is not permitted for this user pool")
TABLE: Mapping[type[AuthError], Wordings | Callable[..., Wordings]] = {
    errors.InvalidFieldsError: _fields,
    errors.InvalidCredentialsError: _say("NotAuthorized", "Incorrect username or password."),
    errors.WrongPasswordError: _say("NotAuthorized", "Incorrect username or password."),
    errors.InvalidTokenError: _access_token,
    errors.InvalidRefreshTokenError: _refresh_token,
    errors.InvalidCodeError: _code,
    errors.InvalidChallengeError: _session,
    errors.EmailNotVerifiedError: _say("UserNotConfirmed", "User is not confirmed."),
    errors.EmailTakenError: (
        Wording("UsernameExists", "User already exists"),
        TAKEN,
    ),
    errors.SignUpClosedError: NO_SIGN_UP,
    errors.InvalidInvitationError: NO_SIGN_UP,
    errors.SessionNotFoundError: _say("ResourceNotFound", "Session does not exist."),
    errors.FactorNotFoundError: _say("ResourceNotFound", "The user has no such credential."),
    errors.TooManyError: _say("LimitExceeded", errors.TooManyError.message),
    errors.RateLimitedError: _limit,
    errors.OverloadedError: OVER_RATE,
    errors.NotConfiguredError: (
        Wording("WebAuthnNotEnabled", "Passkeys are not enabled for this user pool."),
        Wording("CodeDeliveryFailure", "No mail is set up that could deliver a code."),
        Wording("InvalidParameter", NOT_HERE),
    ),
    http_errors.BodyTimeoutError: _say("InvalidParameter", http_errors.BodyTimeoutError.message),
    http_errors.MalformedRequestError: _say("Serialization", "The request is not well-formed."),
    http_errors.MalformedJsonError: _say("Serialization", "The body is no JSON object in UTF-8."),
}
OF_THE_PROTOCOL = frozenset({"Serialization"})  # declared by no operation, known to every client


class CognitoErrors:
    """Renders the errors of one operation, or of a call that names none."""

    def __init__(self, operation: CognitoOperation | None) -> None:
        self._operation = operation

    def refusal(self, error: AuthError, request_id: str) -> web.Response:
        if isinstance(error, CognitoError):
            return failure(error.status, error.kind, error.text, request_id)
        if isinstance(error, http_errors.BodyTooLargeError):
            return failure(error.status, "RequestEntityTooLarge", TOO_LARGE, request_id)
        if isinstance(error, errors.UnavailableError):
            return failure(HTTPStatus.SERVICE_UNAVAILABLE, "InternalError", UNAVAILABLE, request_id)
        wording = self._wording(error)
        if wording is None:
            return self.defect(request_id)
        return failure(HTTPStatus.BAD_REQUEST, *wording, request_id)

    def defect(self, request_id: str) -> web.Response:
        return failure(HTTPStatus.INTERNAL_SERVER_ERROR, "InternalError", DEFECT, request_id)

    def name_of(self, error: AuthError | None) -> str:
        if isinstance(error, CognitoError):
            return f"{error.kind}Exception"
        if isinstance(error, http_errors.BodyTooLargeError):
            return "RequestEntityTooLargeException"
        wording = self._wording(error) if error and not isinstance(error, errors.UnavailableError) else None
        return f"{wording.kind if wording else 'InternalError'}Exception"

    def _wording(self, error: AuthError) -> Wording | None:
        row = next((TABLE[one] for one in type(error).__mro__ if one in TABLE), ())
        wordings = row(error) if callable(row) else row
        declared = self._operation.declares if self._operation else frozenset()
        return next((one for one in wordings if one.kind in declared | OF_THE_PROTOCOL), None)
