"""With pages off nothing of them is in the process; with them on, a start loads no more than it needs."""

import pytest

from tests.support.started import started


@pytest.mark.parametrize("enabled", ["false", "true"])
def test_nothing_of_the_pages_is_loaded_unless_they_are_on(enabled: str) -> None:
    found = started(TOKENHOUSE_PAGES__ENABLED=enabled)
    is_on = enabled == "true"
    assert (found.has_room("pages"), "jinja2" in found.modules, "/sign-in" in found.paths) == (is_on,) * 3
