"""Everything that is stored about an account, as a file."""

from aiohttp import hdrs, web

from service.http import account_export
from service.http.responses import Response
from service.pages.context import AskedBy
from service.pages.origin import require_not_of_others


async def load(by: AskedBy) -> web.Response:
    """Raises OtherOriginError or RateLimitedError."""
    require_not_of_others(by.asked.request)
    if by.asked.request.method == hdrs.METH_HEAD:
        return Response(content_type="application/json")  # nothing is read for somebody who wants none of it
    await by.services.sessions.throttle.call("export", by.visitor, by.caller)
    response = await account_export.export(by.asked.request, by.services, by.caller)
    response.headers[hdrs.CONTENT_DISPOSITION] = 'attachment; filename="account.json"'
    return response
