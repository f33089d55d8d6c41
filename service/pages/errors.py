"""Refusals that only pages have."""

from http import HTTPStatus

from service.http.errors import HttpError


class OtherOriginError(HttpError):
    status = HTTPStatus.FORBIDDEN
    code = "other_origin"
    message = "This form came from another site, so nothing was done. Open the page here, and send it again."


class NothingHereError(HttpError):
    """Also for who may not see the page: that it is there is nobody else's business."""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"
    message = "There is nothing here. Is the address right, and are you signed in?"
