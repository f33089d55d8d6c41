"""Forms are taken from our own pages only.

`SameSite` does not do: a page on another port of the same host gets all of our cookies. So what the browser says of the
sender decides, and no token in the form is needed.
"""

from aiohttp import hdrs, web
from multidict import istr

from service.pages.errors import OtherOriginError

SITE = istr("Sec-Fetch-Site")


def require_not_of_others(request: web.Request) -> None:
    """For a GET that hands something out: asked for by a page of ours or by the browser's owner, where it says by whom.

    Raises OtherOriginError.
    """
    if any(site not in ("same-origin", "none") for site in request.headers.getall(SITE, [])):
        raise OtherOriginError


def require_own(request: web.Request, origin: str) -> None:
    """`Sec-Fetch-Site` where it is sent, else `Origin` (browsers leave the former out without TLS, but on loopback).

    Raises OtherOriginError.
    """
    sites, origins = request.headers.getall(SITE, []), request.headers.getall(hdrs.ORIGIN, [])
    if sites != ["same-origin"] if sites else origins != [origin]:
        raise OtherOriginError
