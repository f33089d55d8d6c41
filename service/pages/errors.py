"""Refusals that only pages have."""

from http import HTTPStatus

from service.http.errors import HttpError


class OtherOriginError(HttpError):
    status = HTTPStatus.FORBIDDEN
    code = "other_origin"
    message = "This form came from another site, so nothing was done. Open the page here, and send it again."
