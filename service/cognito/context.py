"""What handlers of this protocol know besides the domain services."""

from dataclasses import dataclass

from aiohttp import web

from service.domain.app_clients import AppClients
from service.domain.services import Services
from service.settings import CognitoSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class CognitoContext:
    services: Services
    clients: AppClients
    settings: CognitoSettings

    @property
    def tells_unknown_users(self) -> bool:
        return not self.settings.prevent_user_existence_errors


COGNITO = web.AppKey("cognito", CognitoContext)
