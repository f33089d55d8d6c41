"""Refusals that only this protocol has."""

from http import HTTPStatus

from service.errors import AuthError


class CognitoError(AuthError):
    """`kind` is the protocol's name of the error, without `Exception`; `cause` the refusal that it puts into words.

    The log says `reason`, one of our own words, where the kind alone does not tell why.
    """

    code = "cognito"
    message = "See `__type`."

    def __init__(
        self,
        kind: str,
        text: str,
        status: HTTPStatus = HTTPStatus.BAD_REQUEST,
        *,
        reason: str = "",
        cause: AuthError | None = None,
    ) -> None:
        if cause is None:
            super().__init__(reason or kind)
        else:
            super().__init__(cause.why, user_id=cause.user_id, session_id=cause.session_id)
        self.kind, self.text, self.status = kind, text, status


class WrongTypeError(CognitoError):
    def __init__(self) -> None:
        super().__init__("Serialization", "The body is no JSON object, or a member of it has another type.")


def invalid_parameter(text: str, reason: str = "") -> CognitoError:
    return CognitoError("InvalidParameter", text, reason=reason)


def not_authorized(text: str, cause: AuthError | None = None, *, reason: str = "") -> CognitoError:
    return CognitoError("NotAuthorized", text, reason=reason, cause=cause)


def unknown_user(cause: AuthError | None = None) -> CognitoError:
    """Only where unknown users are no secret."""
    return CognitoError("UserNotFound", "User does not exist.", cause=cause)
