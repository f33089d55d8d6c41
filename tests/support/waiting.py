"""Waiting until something is so, and no longer. No test is about how quick a machine is: bounds are for what never comes."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from service.settings import Settings

PATIENCE = 60.0  # seconds; what has not come by then will not, however busy the machine is
STEP = 0.02  # seconds between two looks
STORES = {
    "database": ("acquire_timeout", "command_timeout"),
    "redis": ("acquire_timeout", "command_timeout", "connect_timeout"),
}
Sections = Mapping[str, Mapping[str, Any]]


async def until(is_so: Callable[[], Awaitable[object]], within: float = PATIENCE, step: float = STEP) -> float:
    """The seconds until `is_so` said something true. Raises TimeoutError when it does not `within` so many."""
    clock = asyncio.get_running_loop().time
    began = clock()
    async with asyncio.timeout(within):
        while True:
            if await is_so():
                return clock() - began
            await asyncio.sleep(step)


def unhurried(sections: Sections) -> dict[str, dict[str, Any]]:
    """Settings by which a store that answers is never taken for one that is down, unless the sections say otherwise."""
    return _with_timeouts(f"{PATIENCE:.0f}s", sections)


def brisk(**sections: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Settings by which a store that hangs is given up soon, and yet later than by those of production."""
    return _with_timeouts("1s", sections)


def shipped(**sections: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The timeouts of production, for what is measured on a machine at rest."""
    usual = {
        section: {name: getattr(getattr(Settings(), section), name) for name in names}
        for section, names in STORES.items()
    }
    return {name: {**usual.get(name, {}), **sections.get(name, {})} for name in usual | dict(sections)}


def _with_timeouts(each: str, sections: Sections) -> dict[str, dict[str, Any]]:
    timeouts = {section: dict.fromkeys(names, each) for section, names in STORES.items()}
    return {name: {**timeouts.get(name, {}), **sections.get(name, {})} for name in timeouts | dict(sections)}
