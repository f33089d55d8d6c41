"""The texts by name that flows and challenges take."""

from collections.abc import Mapping

from service.cognito.errors import invalid_parameter


def required(given: Mapping[str, str], name: str) -> str:
    """Raises InvalidParameter."""
    if not given.get(name):
        raise invalid_parameter(f"Missing required parameter {name}")
    return given[name]
