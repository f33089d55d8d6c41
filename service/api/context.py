"""Where a handler finds the domain."""

from aiohttp import web

from service.domain.services import Services

SERVICES = web.AppKey("services", Services)
