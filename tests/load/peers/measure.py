"""One turn of one contender: its hash alone, logins, `me`, and `me` while others log in."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from tests.load.client import Answer, Load, closed_loop, once, open_loop
from tests.load.figures import ms, percentile, rate_since, ratio
from tests.load.instances import Instance, Stage, email, resident
from tests.load.peers.contenders import Contender
from tests.load.plan import Plan

CLIENTS = (1, 4, 16)
STORM = 64
MEMBERS = range(STORM, 2 * STORM)  # others ask for their profile: a user's oldest sessions end when they are too many
ACCOUNTS = 2 * STORM
PER_SECOND = 100
SIGN_IN_AT_ONCE = 4
SIGN_IN_TRIES = 100
BUSY = 503
WARM_UP = 1.0
LOGINS, SHORT_LOGINS = 7.0, 4.0  # seconds; some servers let in a whole thread pool at a time


@dataclass(frozen=True, slots=True)
class Turn:
    """Rates per second, times in ms, memory in MB. `busy_is_more`: some of `me` had no answer when the watch stopped."""

    raw: float
    logins: dict[int, float]
    me: float
    idle: float
    busy: float
    busy_is_more: bool
    memory: float

    @property
    def to_raw(self) -> float:
        return ratio(self.logins[max(self.logins)], self.raw)


async def members(place: Stage, contender: Contender) -> list[bytes]:
    """The request of each member for the own profile. Their tokens outlive the whole run."""
    turns = asyncio.Semaphore(SIGN_IN_AT_ONCE)

    async def one(number: int) -> bytes:
        async with turns:
            return contender.me(await _sign_in(instance, contender, number))

    with contender.serving(place) as instance:
        return list(await asyncio.gather(*map(one, MEMBERS)))


async def turn(place: Stage, contender: Contender, plan: Plan, asked: Sequence[bytes]) -> Turn:
    """The storm comes last: some servers go on hashing for clients that have left, so it is not waited for."""
    seconds = SHORT_LOGINS if plan.quick else LOGINS
    *fewer, most = CLIENTS
    with contender.serving(place) as instance:
        logins = {count: await _logins(instance, contender, count, seconds) for count in fewer}
        await _sign_in(instance, contender, 0)  # so that nothing else is hashed
        before = contender.raw_rate(seconds / 2)
        logins[most] = await _logins(instance, contender, most, seconds)
        await _sign_in(instance, contender, 0)
        raw = (before + contender.raw_rate(seconds / 2)) / 2
        await _check(instance, contender, asked)
        me = _good(await closed_loop(instance.port, asked, plan.seconds(3)))
        memory = _resident(instance)
        idle = _good(await open_loop(instance.port, asked, PER_SECOND, plan.seconds(4)))
        storm = asyncio.create_task(
            closed_loop(instance.port, _requests(contender, STORM), plan.seconds(6), warm_up=WARM_UP)
        )
        await asyncio.sleep(WARM_UP)
        busy = _good(await open_loop(instance.port, asked, PER_SECOND, plan.seconds(6)))
        await storm
    return Turn(raw, logins, me.rate(), _p99(idle), _p99(busy), bool(busy.seen.get(0)), memory)


async def _sign_in(instance: Instance, contender: Contender, number: int) -> Answer:
    """Again, where the server is still too busy with a load that has ended."""
    answer = await once(instance.port, contender.login(number))
    for _ in range(SIGN_IN_TRIES):
        if answer.status != BUSY:
            break
        await asyncio.sleep(0.1)
        answer = await once(instance.port, contender.login(number))
    if answer.status != 200:
        raise RuntimeError(f"{contender.NAME} answered a login with {answer.status}: {answer.body[:200]!r}")
    return answer


async def _check(instance: Instance, contender: Contender, asked: Sequence[bytes]) -> None:
    """A profile is that of its member: some servers answer those whom they do not know with 200."""
    answer = await once(instance.port, asked[0])
    if email(MEMBERS[0]).encode() not in answer.body:
        raise RuntimeError(f"{contender.NAME} does not know whom it let in: {answer.status} {answer.body[:200]!r}")


async def _logins(instance: Instance, contender: Contender, clients: int, seconds: float) -> float:
    await _sign_in(instance, contender, 0)  # after the rest of the last load
    started = perf_counter()
    load = _good(await closed_loop(instance.port, _requests(contender, clients), seconds, warm_up=0), BUSY)
    return rate_since(started, [one.at for one in load.seen.get(200, [])])


def _requests(contender: Contender, clients: int) -> list[bytes]:
    return [contender.login(number) for number in range(clients)]


def _good(load: Load, *allowed: int) -> Load:
    """A load that was answered as it should be; 0 is the absence of an answer."""
    if strange := load.seen.keys() - {200, 0, *allowed}:
        raise RuntimeError(f"requests were answered with {strange}")
    return load


def _p99(load: Load) -> float:
    return ms(percentile(load.times(200, 0), 0.99))


def _resident(instance: Instance) -> float:
    """Of the process that serves: a supervisor such as gunicorn's, which only watches it, is not counted."""
    root = instance.process.pid
    children = Path(f"/proc/{root}/task/{root}/children").read_text().split()
    return max(map(resident, [root, *map(int, children)]))
