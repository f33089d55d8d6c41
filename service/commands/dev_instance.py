"""How `tokenhouse dev COMMAND` finds the running `tokenhouse dev`: by a file in its data directory."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.embedded import are_running
from service.operator_errors import ConfigurationError
from service.settings import ENVIRONMENT, Settings, as_variables, is_about_settings

DEFAULT_DIRECTORY = ".tokenhouse"
FILE = "running.json"


def directory() -> Path:
    return Path(ENVIRONMENT.get("TOKENHOUSE_DEV_DIR") or DEFAULT_DIRECTORY).absolute()


@contextmanager
def told_to_commands(place: Path, settings: Settings, config: Path | None) -> Iterator[None]:
    """Write the instance's settings to a file while it runs, readable only by its owner: the secret is in it."""
    file = place / FILE
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as lines:
        json.dump(_environment(settings, config), lines)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def take_its_settings() -> None:
    """Load the settings of the running instance into this process. Raises ConfigurationError when none runs."""
    place = directory()
    try:
        variables = json.loads((place / FILE).read_text(encoding="utf-8")) if are_running(place) else None
    except (OSError, ValueError):
        variables = None
    if variables is None:
        raise ConfigurationError(
            f"no `tokenhouse dev` runs on {place}: start it in another terminal (`make run`), or name its directory in"
            " TOKENHOUSE_DEV_DIR"
        )
    for name in filter(is_about_settings, list(ENVIRONMENT)):  # of this shell, which may differ from the instance's
        del ENVIRONMENT[name]
    ENVIRONMENT.update(variables)


def _environment(settings: Settings, config: Path | None) -> dict[str, str]:
    """All settings: commands use the same stores, and the doctor checks the settings of the instance."""
    variables = as_variables(settings)
    if config:
        variables["TOKENHOUSE_CONFIG"] = str(config.absolute())
    elif named := ENVIRONMENT.get("TOKENHOUSE_CONFIG"):
        variables["TOKENHOUSE_CONFIG"] = str(Path(named).absolute())
    if directory := ENVIRONMENT.get("TOKENHOUSE_SECRETS_DIR"):
        variables["TOKENHOUSE_SECRETS_DIR"] = str(Path(directory).absolute())
    return variables
