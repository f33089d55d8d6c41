"""The stores as `tokenhouse doctor` and the admin pages look at them. Every error of a store becomes a finding."""

from collections.abc import Awaitable, Sequence
from dataclasses import astuple

from service.ambient import Ambient
from service.assembly.backends import OUTAGES, Backends
from service.doctor import postgres, redis
from service.doctor.finding import Finding, problem, silent, warning
from service.domain.administration.models import StoreFinding
from service.operator_errors import ConfigurationError
from service.settings import Settings
from service.shared_reload import SharedReload
from service.stores import failures, inspection
from service.stores.denylist import RedisDenylist
from service.stores.timed_redis import OUTAGES as REDIS_OUTAGES

EVERY, AFTER_FAILURE = 15.0, 5.0  # seconds between two examinations, however many ask
DATABASE_URL, REDIS_URL = "TOKENHOUSE_DATABASE__URL", "TOKENHOUSE_REDIS__URL"


async def looked_at(check: str, setting: str, at: Awaitable[list[Finding]]) -> list[Finding]:
    try:
        return await at
    except Exception as error:  # noqa: BLE001 - any error becomes a finding
        return [_trouble(check, setting, error)]


async def of_postgres(settings: Settings, ambient: Ambient) -> list[Finding]:
    return postgres.judge(await inspection.of_postgres(settings.database, ambient), settings.database)


async def of_redis(settings: Settings, backends: Backends, ambient: Ambient) -> list[Finding]:
    url = settings.redis.url.get_secret_value()
    primaries = await inspection.of_redis(backends.redis, backends.servers, url, ambient)
    return [
        finding for address, facts in primaries for finding in redis.judge(facts, address if len(primaries) > 1 else "")
    ]


async def of_denylist(backends: Backends, ambient: Ambient) -> list[Finding]:
    try:
        is_complete = await RedisDenylist(backends.redis, backends.servers, ambient).is_complete()
    except REDIS_OUTAGES as error:
        return [warning("redis.denylist", f"not looked at ({type(error).__name__})", "see the lines about redis")]
    return [redis.judge_marker(is_complete=is_complete)]


class StoreChecks:
    """Those of an instance that serves: whoever asks within some seconds gets the same findings."""

    def __init__(self, settings: Settings, backends: Backends, ambient: Ambient) -> None:
        self._settings = settings
        self._backends = backends
        self._ambient = ambient
        self._reload = SharedReload(self._look, ambient, EVERY, AFTER_FAILURE)
        self._found: Sequence[StoreFinding] = ()

    async def examine(self) -> Sequence[StoreFinding]:
        if self._backends.postgres:  # other backends have no servers to inspect
            await self._reload.ask()
        return self._found

    async def _look(self) -> None:
        settings, backends, ambient = self._settings, self._backends, self._ambient
        findings = [
            *await looked_at("postgres", DATABASE_URL, of_postgres(settings, ambient)),
            *await looked_at("redis", REDIS_URL, of_redis(settings, backends, ambient)),
            *await looked_at("redis.denylist", REDIS_URL, of_denylist(backends, ambient)),
        ]
        self._found = [StoreFinding(*astuple(one)) for one in findings]


def _trouble(check: str, setting: str, error: Exception) -> Finding:
    refusal = error if isinstance(error, ConfigurationError) else failures.as_refusal(failures.of_redis(error))
    if refusal:
        return problem(check, str(refusal), "no instance starts until this is fixed")
    if isinstance(error, OUTAGES):
        return silent(check, setting, error)
    return problem(
        check,
        f"could not be looked at ({type(error).__name__})",
        "run this again; if it stays so, report it together with the version of the store",
    )
