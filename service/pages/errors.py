"""Refusals that only pages have."""

from http import HTTPStatus

from service.http.errors import HttpError


class PasskeyRefusedError(HttpError):
    """InvalidCodeError where no code was asked for."""

    status = HTTPStatus.UNAUTHORIZED
    code = "invalid_code"
    message = "The passkey was not accepted. Try again, or do without it."


class OtherOriginError(HttpError):
    status = HTTPStatus.FORBIDDEN
    code = "other_origin"
    message = "This came from another site, so nothing was done. Open the page here, and send it again."


class NothingHereError(HttpError):
    """Also for who may not see the page: that it is there is nobody else's business."""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"
    message = "There is nothing here. Is the address right, and are you signed in?"
