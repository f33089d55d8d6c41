"""Errors in the HTTP form of a request, on any endpoint."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import ClassVar

from service.errors import AuthError


class HttpError(AuthError):
    status: ClassVar[HTTPStatus]


class MalformedRequestError(HttpError):
    status = HTTPStatus.BAD_REQUEST
    code = "malformed_request"
    message = "The request is not well-formed: send at most one credential, in one Authorization or x-api-key header."


class MalformedQueryError(HttpError):
    status = HTTPStatus.BAD_REQUEST
    code = "malformed_request"
    message = "This call takes no such query parameter, or not with that value. GET /openapi.json lists what it takes."


class MalformedJsonError(HttpError):
    status = HTTPStatus.BAD_REQUEST
    code = "malformed_json"
    message = "The body must be one JSON object in UTF-8, without duplicate names."


class MissingBodyError(MalformedJsonError):
    message = "The body is missing: send one JSON object in UTF-8."


class BodyTooLargeError(HttpError):
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "body_too_large"
    message = "The body is larger than 16 KiB."


class BodyTimeoutError(HttpError):
    status = HTTPStatus.REQUEST_TIMEOUT
    code = "request_timeout"
    message = "The body did not arrive in time. Send it again."


class UnsupportedMediaTypeError(HttpError):
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    code = "unsupported_media_type"
    message = "Send the body as application/json, in UTF-8 and without a content encoding."


class MissingBodyAndTypeError(UnsupportedMediaTypeError):
    message = "The body is missing: send one JSON object in UTF-8, with Content-Type: application/json."


class UnsupportedFormError(UnsupportedMediaTypeError):
    message = "Send the body as application/x-www-form-urlencoded or as application/json, without a content encoding."


class MissingFormError(UnsupportedFormError):
    message = "The body is missing: send `token`, with Content-Type: application/x-www-form-urlencoded."


class NotFoundError(HttpError):
    status = HTTPStatus.NOT_FOUND
    code = "not_found"
    message = "There is nothing at this path. GET /docs shows every call."


class MethodNotAllowedError(HttpError):
    status = HTTPStatus.METHOD_NOT_ALLOWED
    code = "method_not_allowed"
    message = "This path does not answer that method; see the Allow header."

    def __init__(self, allowed: Sequence[str]) -> None:
        super().__init__()
        self.allowed = tuple(sorted(allowed))


class InvalidRequestError(HttpError):
    """RFC 6749 section 5.2."""

    status = HTTPStatus.BAD_REQUEST
    code = "invalid_request"
    message = "Send one `token`, as a form or as a JSON object, and no parameter twice."
