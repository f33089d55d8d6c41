"""The application key under which handlers find the domain services."""

from aiohttp import web

from service.domain.services import Services

SERVICES = web.AppKey("services", Services)
