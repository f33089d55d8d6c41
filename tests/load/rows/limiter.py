"""What the limits cost and what they let through."""

import asyncio
from time import perf_counter

from service.domain.limits.throttle import IN_FLIGHT
from service.settings import ThrottleSettings
from tests.load.client import Connection, once
from tests.load.figures import Bar, Row, ms, percentile
from tests.load.instances import Instance, Stage, login
from tests.load.limits import COST, Hashes
from tests.load.plan import Plan

INSTANCES = 3
GUESSES = 60
WRONG = "Wrong-Pass-1!"
PATIENT = {"TOKENHOUSE_PASSWORDS__MAX_WAIT": "60s"}  # so that the limits decide who is judged, not the hash queue
TRUSTING = {"TOKENHOUSE_SERVER__TRUSTED_PROXIES": "127.0.0.0/8"}


async def refusals(place: Stage, plan: Plan, number: int) -> list[Row]:
    """A source that guessed too often, refused one request after another while the machine is idle."""
    quota = ThrottleSettings().login_account_source.quota
    with place.service({}) as instance:
        connection = await Connection.open(instance.port)
        for _ in range(quota):
            await connection.ask(login(number, WRONG))
        times: list[float] = []
        spent = instance.cpu_seconds()
        for _ in range(plan.few * 25 or 400):
            started = perf_counter()
            answer = await connection.ask(login(number, WRONG))
            times.append(ms(perf_counter() - started))
            if answer.status != 429:
                raise RuntimeError(f"429 was expected, {answer.status} came")
        each = ms(instance.cpu_seconds() - spent) / len(times)
        connection.drop()
    hash_time = ms(Hashes().one())
    return [
        Row(name="429 p99 on the idle machine", values=[percentile(times, 0.99)], unit=" ms", side=Bar.AT_MOST, bar=20),
        Row(
            name="CPU time of one 429",
            values=[each],
            unit=" ms",
            side=Bar.AT_MOST,
            bar=hash_time / 10,
            note=f"no hash is computed: one takes {hash_time:.0f} ms at cost {COST}",
        ),
    ]


async def parallel_guesses(place: Stage, number: int) -> list[Row]:
    """Wrong guesses at one account, all at once and spread over three instances; how many were judged (401)?"""
    limits = ThrottleSettings()
    allowed = INSTANCES * IN_FLIGHT
    one = await _judged(place, number, many_sources=False)
    many = await _judged(place, number + 1, many_sources=True)
    return [
        Row(
            name=f"{GUESSES} parallel guesses at one account from one source, {INSTANCES} instances: judged",
            values=[one],
            side=Bar.AT_MOST,
            bar=limits.login_account_source.quota + allowed,
            note=f"limit {limits.login_account_source.quota} + {INSTANCES} x {IN_FLIGHT} in flight",
        ),
        Row(
            name="… each from a source of its own: judged",
            values=[many],
            side=Bar.AT_MOST,
            bar=limits.login_account.quota + allowed,
            note=f"limit {limits.login_account.quota} + {INSTANCES} x {IN_FLIGHT} in flight",
        ),
    ]


async def _judged(place: Stage, number: int, *, many_sources: bool) -> int:
    settings = {**PATIENT, **TRUSTING}
    with place.service(settings) as one, place.service(settings) as two, place.service(settings) as three:
        instances: list[Instance] = [one, two, three]
        answers = await asyncio.gather(
            *(
                once(
                    instances[guess % INSTANCES].port,
                    login(
                        number, f"{WRONG}{guess}", x_forwarded_for=f"198.51.100.{guess if many_sources else GUESSES}"
                    ),
                )
                for guess in range(GUESSES)
            )
        )
    statuses = [answer.status for answer in answers]
    if strange := set(statuses) - {401, 429, 503}:  # 503: no turn came in time, so the guess was not judged either
        raise RuntimeError(f"guesses were answered with {strange}")
    return statuses.count(401)
