"""With the endpoint off nothing of it is in the process, and a start is what it was."""

import pytest

from tests.support.started import started


@pytest.mark.parametrize("enabled", ["false", "true"])
def test_nothing_of_the_endpoint_is_loaded_unless_it_is_on(enabled: str) -> None:
    found = started(TOKENHOUSE_COGNITO__ENABLED=enabled)
    is_there = enabled == "true"
    assert (found.has_room("cognito"), "/" in found.paths) == (is_there, is_there)
    assert "gmpy2" not in found.modules  # SRP is off in both
