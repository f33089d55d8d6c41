"""The version of the distribution that runs."""

from functools import cache
from importlib import metadata


@cache
def installed_version() -> str | None:
    """None in a checkout that is not installed."""
    try:
        return metadata.version("tokenhouse")
    except metadata.PackageNotFoundError:
        return None
