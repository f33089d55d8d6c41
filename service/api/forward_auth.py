"""The endpoint of reverse proxies that authenticate requests before passing them on."""

from functools import lru_cache
from http import HTTPStatus

from aiohttp import web

from service.api.context import SERVICES
from service.api.description import Description, Returns, Tag
from service.domain.credentials import emails
from service.domain.models import Member
from service.errors import RateLimitedError, UnavailableError
from service.http.responses import no_content

USER_ID = "X-Auth-User-Id"
EMAIL = "X-Auth-Email"
SCOPES = "X-Auth-Scopes"


_text_of = lru_cache(maxsize=4096)(str)  # str(UUID) is pure Python: it took longer than the rest of the handler


@Description(
    tag=Tag.VERIFICATION,
    summary="Who I am, as X-Auth-User-Id, X-Auth-Email and X-Auth-Scopes: for reverse proxies",
    description="For the `auth_request` of nginx, `forward_auth` of Caddy, ForwardAuth of Traefik. The header fields "
    "say who the caller is; there is no body. `X-Auth-Scopes` is there with a named API key that has scopes; "
    "such a key may also have a rate of its own, which is counted here.",
    returns=Returns(HTTPStatus.NO_CONTENT, media_type=""),
    refuses=(RateLimitedError, UnavailableError),
    sends=(USER_ID, EMAIL),
    may_send=(SCOPES,),
)
async def verify(request: web.Request, who: Member) -> web.Response:
    """The address is in its canonical form: header fields are ASCII, and one account has one name upstream."""
    fields = {USER_ID: _text_of(who.user_id), EMAIL: emails.canonical_of_account(who.email)}
    if key := who.named_key:
        await request.app[SERVICES].named_api_keys.count_use(who)
        if key.scopes:
            fields[SCOPES] = " ".join(key.scopes)
    return no_content(fields)
