"""Refusals that only this protocol has."""

from http import HTTPStatus

from service.errors import AuthError


class CognitoError(AuthError):
    """`kind` is the protocol's name of the error, without `Exception`; `cause` the refusal that it puts into words."""

    code = "cognito"
    message = "See `__type`."

    def __init__(
        self, kind: str, text: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST, *, cause: AuthError | None = None
    ) -> None:
        if cause is None:
            super().__init__(kind)
        else:
            super().__init__(cause.why, user_id=cause.user_id, session_id=cause.session_id)
        self.kind, self.text, self.status = kind, text, status


class WrongTypeError(CognitoError):
    def __init__(self) -> None:
        super().__init__("Serialization", "The body is no JSON object, or a member of it has another type.")


def invalid_parameter(text: str) -> CognitoError:
    return CognitoError("InvalidParameter", text)


def not_authorized(text: str, cause: AuthError | None = None) -> CognitoError:
    return CognitoError("NotAuthorized", text, cause=cause)


def unknown_user(cause: AuthError | None = None) -> CognitoError:
    """Only where unknown users are no secret."""
    return CognitoError("UserNotFound", "User does not exist.", cause=cause)
