"""Refusals that only this protocol has."""

from http import HTTPStatus

from service.errors import AuthError


class CognitoError(AuthError):
    """`kind` is the protocol's name of the error, without `Exception`."""

    code = "cognito"
    message = "See `__type`."

    def __init__(self, kind: str, text: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(kind)
        self.kind, self.text, self.status = kind, text, status


class WrongTypeError(CognitoError):
    def __init__(self) -> None:
        super().__init__("Serialization", "The body is no JSON object, or a member of it has another type.")


def invalid_parameter(text: str) -> CognitoError:
    return CognitoError("InvalidParameter", text)


def not_authorized(text: str) -> CognitoError:
    return CognitoError("NotAuthorized", text)
