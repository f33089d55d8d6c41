"""With the API for operators' programs off nothing of it is in the process, and no path of it is there."""

import pytest

from tests.support.started import started


@pytest.mark.parametrize("enabled", ["false", "true", ""])
def test_nothing_of_the_api_is_loaded_or_mounted_unless_it_is_on(enabled: str) -> None:
    found = started(**({"TOKENHOUSE_ADMIN__ENABLED": enabled} if enabled else {}))
    has_paths = any(path.startswith("/admin") for path in found.paths)
    assert (found.has_room("admin"), has_paths) == (enabled == "true",) * 2
