"""Every refusal that a test meets is one that the OpenAPI document declares for its call."""

import json

from aiohttp import web
from aiohttp.typedefs import Handler

from service.admin.routes import ADMIN_OPERATIONS
from service.api.openapi import refusals_of
from service.api.problems import status_of
from service.api.routes import OPERATIONS
from service.http.problems import INTERNAL_CODE, PROBLEM

DECLARED = {
    (one.method, one.path): {(int(status_of(refusal)), refusal.code) for refusal in refusals_of(one)}
    for one in OPERATIONS + ADMIN_OPERATIONS
}


class Undeclared:
    """A middleware that notes what no document tells of."""

    def __init__(self) -> None:
        self.found: set[tuple[str, str, int, str]] = set()

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        resource = request.match_info.route.resource
        call = request.method.replace("HEAD", "GET"), resource.canonical if resource else ""
        if response.content_type == PROBLEM and call in DECLARED and isinstance(response, web.Response):
            assert isinstance(response.body, bytes)
            refused = response.status, json.loads(response.body)["code"]
            if refused not in DECLARED[call] and refused[1] != INTERNAL_CODE:
                self.found.add((*call, *refused))
        return response
