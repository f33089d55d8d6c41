"""What the service can be told, and where it is told from."""

from service.settings.load import ENVIRONMENT, Settings, load
from service.settings.sections import (
    ApiKeys,
    Database,
    Introspection,
    Keys,
    Logging,
    Passwords,
    Redis,
    Server,
    Throttle,
    Tokens,
)
from service.settings.units import Networks, Rate

__all__ = [
    "ENVIRONMENT",
    "ApiKeys",
    "Database",
    "Introspection",
    "Keys",
    "Logging",
    "Networks",
    "Passwords",
    "Rate",
    "Redis",
    "Server",
    "Settings",
    "Throttle",
    "Tokens",
    "load",
]
