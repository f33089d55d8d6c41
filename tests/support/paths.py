"""The paths of calls, with something in the place of each parameter."""

import re
from collections.abc import Mapping

PARAMETERS = {"sessionId": "x" * 24, "file": "swagger-ui.css"}


def plain_path(path: str, parameters: Mapping[str, str] = PARAMETERS) -> str:
    """Parameters that are not named are ids of something that is not there."""
    return re.sub(r"{(\w+)}", lambda found: parameters.get(found[1], "00000000-0000-4000-8000-000000000000"), path)
