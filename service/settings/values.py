"""How values are written in the configuration: durations, rates, lists, networks."""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_settings import NoDecode

DURATION_FORM = "write a duration with its unit, such as 250ms, 10s, 15m, 1h or 30d"
_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
LONGEST = timedelta(days=36_500)  # about 100 years: later times soon exceed the range of datetime and the stores
DOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", re.ASCII)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")


def parse_duration(value: object) -> object:
    """`250ms`, `15m`, `30d`; ISO 8601 durations are left to pydantic. A bare number has no unit and is refused."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str) and (match := _DURATION.fullmatch(value.strip())):
        return _at_most_longest(**{_UNITS[match[2]]: float(match[1])})
    if isinstance(value, str) and value.strip().startswith("P"):
        return value.strip()
    raise ValueError(DURATION_FORM)


def _at_most_longest(**amount: float) -> timedelta:
    with suppress(OverflowError):
        if (duration := timedelta(**amount)) <= LONGEST:
            return duration
    raise ValueError(f"write a duration of at most {LONGEST.days}d")


def _between(least: timedelta, most: timedelta, form: str) -> AfterValidator:
    def require(duration: timedelta) -> timedelta:
        if not least <= duration <= most:
            raise ValueError(f"write a duration {form}")
        return duration

    return AfterValidator(require)


def parse_network(value: object) -> object:
    try:
        return ip_network(str(value), strict=False)
    except ValueError:
        raise ValueError("write IP addresses or networks, such as 10.0.0.0/8; names of hosts are not taken") from None


def require_issuer(value: str) -> str:
    if not value or re.search(r"\s", value):
        raise ValueError("write the public address, such as https://auth.example.com, without blanks")
    return value


def parse_rate(value: object) -> object:
    """`5/5m`: five per five minutes."""
    if isinstance(value, Rate):
        return value
    if isinstance(value, str) and (match := re.fullmatch(r"\s*([1-9]\d{0,8})\s*/\s*(\S+)\s*", value)):
        window = parse_duration(match[2])
        if isinstance(window, timedelta) and window:
            return {"quota": int(match[1]), "window": window}
    raise ValueError("write a rate as COUNT/DURATION, such as 5/5m or 1000/1h")


def split_commas(value: object) -> object:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def require_origin(value: str) -> str:
    """Exactly as browsers send it (RFC 6454 section 6.2): anything else would never match."""
    if not re.fullmatch(r"[a-z][a-z0-9+.-]*://(?:[a-z0-9_.-]+|\[[0-9a-f:]+\])(?::[1-9]\d{0,4})?", value):
        raise ValueError("list origins as browsers send them, such as https://app.example.com; there is no wildcard")
    if (value.startswith("https:") and value.endswith(":443")) or (value.startswith("http:") and value.endswith(":80")):
        raise ValueError("leave out the port of an origin where it is the scheme's own: browsers do")
    return value


def require_domain(value: str) -> str:
    """As browsers compare it with the host of a page; they make no passkeys for an IP address."""
    if not DOMAIN.fullmatch(value) or value.rpartition(".")[2].isdecimal():  # no top-level domain is a number
        raise ValueError(
            "write a domain such as example.com, without scheme and port; browsers make no passkeys for an IP address"
        )
    return value


def parse_clients(value: object) -> object:
    """A mapping of names to digests, or `name:digest,name:digest`."""
    if not isinstance(value, str):
        return value
    pairs = [part.strip().partition(":")[::2] for part in value.split(",") if part.strip()]
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a client is named twice")
    return dict(pairs)


def require_app_client_id(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_+]{1,128}", value):
        raise ValueError(
            "write ids of app clients with letters, digits, _ and + alone: Cognito's clients send no others"
        )
    return value


def require_pool_id(value: str) -> str:
    if not re.fullmatch(r"(?=.{1,55}$)[A-Za-z0-9_-]+_[0-9a-zA-Z]+", value):
        raise ValueError(
            "write a region, _ and letters or digits, such as eu-central-1_tokenhouse; at most 55 characters"
        )
    return value


def require_app_client_secret(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[A-Za-z0-9_+]{24,64}", value.get_secret_value()):
        raise ValueError("give an app client a secret of 24 to 64 letters, digits, _ and +, or none")
    return value


def parse_app_clients(value: object) -> object:
    """A mapping of ids to secrets, or `ID:SECRET,ID`: a client without a secret is a public one."""
    if isinstance(value, str):
        pairs = [part.strip().partition(":")[::2] for part in value.split(",") if part.strip()]
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a client is named twice")
        value = dict(pairs)
    if isinstance(value, Mapping):
        return {name: secret or None for name, secret in value.items()}
    return value


class Section(BaseModel):
    """One block of `config.yaml`: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Rate(Section):
    quota: int
    window: timedelta

    @classmethod
    @lru_cache(maxsize=4096)
    def of(cls, text: str) -> Self:
        """Raises ValueError for what `parse_rate` refuses."""
        return cls.model_validate(parse_rate(text))


_TICK, _MINUTE = timedelta.resolution, timedelta(seconds=60)
Duration = Annotated[
    timedelta, BeforeValidator(parse_duration), _between(_TICK, LONGEST, f"longer than 0s and at most {LONGEST.days}d")
]
Span = Annotated[
    timedelta, BeforeValidator(parse_duration), _between(timedelta(0), LONGEST, f"from 0s to {LONGEST.days}d")
]
Grace = Annotated[timedelta, BeforeValidator(parse_duration), _between(timedelta(0), _MINUTE, "from 0s to 60s")]
Leeway = Grace
RateSetting = Annotated[Rate, BeforeValidator(parse_rate), NoDecode]
Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(parse_network)]
Issuer = Annotated[str, AfterValidator(require_issuer)]
ClientName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
ClientDigest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Clients = Annotated[Mapping[ClientName, ClientDigest], BeforeValidator(parse_clients), NoDecode]
AppClientId = Annotated[str, AfterValidator(require_app_client_id)]
AppClientSecret = Annotated[SecretStr, AfterValidator(require_app_client_secret)]
AppClientSecrets = Annotated[Mapping[AppClientId, AppClientSecret | None], BeforeValidator(parse_app_clients), NoDecode]
ClientIds = Annotated[tuple[AppClientId, ...], BeforeValidator(split_commas), NoDecode]
PoolId = Annotated[str, AfterValidator(require_pool_id)]
Domain = Annotated[str, AfterValidator(require_domain)]
Origin = Annotated[str, AfterValidator(require_origin)]
Origins = Annotated[tuple[Origin, ...], BeforeValidator(split_commas), NoDecode]
Networks = Annotated[tuple[Network, ...], BeforeValidator(split_commas), NoDecode]
OptionalDuration = Annotated[Duration | None, BeforeValidator(lambda text: None if text == "off" else text)]
OptionalRate = Annotated[
    Rate | None, BeforeValidator(lambda text: None if text in (None, "off") else parse_rate(text)), NoDecode
]
