"""Settings as environment variables, for a process that needs the same ones."""

import json
from collections.abc import Mapping
from datetime import timedelta

from pydantic import SecretStr

from service.settings.files import PREFIX
from service.settings.load import NOT_SETTINGS, SHORT_NAMES, Settings
from service.settings.values import Rate, Section

OWN = NOT_SETTINGS - {
    "TOKENHOUSE_CONFIG",
    "TOKENHOUSE_SECRETS_DIR",
    "TOKENHOUSE_SEED",
}  # of the person, not of the installation


def is_about_settings(name: str) -> bool:
    """Whether an environment variable affects the result of `load`."""
    return name in SHORT_NAMES or (name.upper().startswith(PREFIX) and name not in OWN)


def as_variables(settings: Settings) -> dict[str, str]:
    """Without other sources, `load` makes the same settings of them. Empty values are left out."""
    variables: dict[str, str] = {}
    for name in Settings.model_fields:
        held = getattr(settings, name)
        is_section = isinstance(held, Section)
        values = {f"{name}__{key}": value for key, value in held} if is_section else {name: held}
        variables |= {f"{PREFIX}{key.upper()}": _text(value) for key, value in values.items()}
    for name in ("KEYS__ROTATE_AFTER", "THROTTLE__LOGIN_ATTEMPTS"):
        variables[PREFIX + name] = variables[PREFIX + name] or "off"
    return {name: text for name, text in variables.items() if text}


def _text(value: object) -> str:
    if isinstance(value, Mapping) and any(isinstance(one, Section) for one in value.values()):
        return json.dumps({name: {key: _text(field) for key, field in one} for name, one in value.items()})
    if isinstance(value, Mapping):
        return ",".join(f"{name}:{_text(one)}" for name, one in value.items())
    if isinstance(value, (tuple, list)):
        return ",".join(map(_text, value))
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Rate):
        return f"{value.quota}/{_text(value.window)}"
    if isinstance(value, timedelta):
        value = f"{value.total_seconds():.6f}s"
    return "" if value is None else str(value)
