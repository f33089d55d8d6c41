"""The figures as a table, with the machine they come from, in docs/performance.md."""

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import asyncpg
from redis.asyncio import Redis

from service.ambient import Ambient
from tests.load.figures import Row, Verdict
from tests.load.instances import SERVICE_LOOP, Stage
from tests.load.limits import cores

BEGIN = "<!-- figures: written by `make bench`, not by hand -->"
END = "<!-- end of figures -->"
COLUMNS = ("", "min", "median", "max", "bar", "target", "verdict", "")
LIBRARIES = (
    "aiohttp",
    "asyncpg",
    "redis",
    "hiredis",
    "bcrypt",
    "libpass",
    "cryptography",
    "joserfc",
    "pydantic",
    SERVICE_LOOP,
)


async def machine(place: Stage, load_before: float) -> list[str]:
    """What somebody needs to know who compares these figures with their own. `load_before` is the load average then."""
    connection = await asyncpg.connect(place.postgres)
    postgres = await connection.fetchval("SHOW server_version")
    await connection.close()
    redis = Redis.from_url(place.redis)
    redis_version = (await redis.info("server"))["redis_version"]
    await redis.aclose()
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES if name != "asyncio")
    return [
        f"- {Ambient().now():%Y-%m-%d %H:%M} UTC; load average {load_before:.2f} before the run",
        f"- {_processor()}, {len(cores())} cores; {platform.system()} {platform.release()}",
        f"- Python {platform.python_version()}; Postgres {postgres}, Redis {redis_version}, both embedded and durable",
        f"- {libraries}",
    ]


def table(rows: Sequence[Row]) -> str:
    head = ["| " + " | ".join(COLUMNS) + " |", "|---|" + "---:|" * 5 + "---|---|"]
    return "\n".join((*head, *("| " + " | ".join(row.cells()) + " |" for row in rows)))


def page(described: Sequence[str], bars: Sequence[Row], limits: Sequence[Row], rounds: int) -> str:
    missed = [row.name for row in bars if row.verdict is Verdict.MISSED]
    held = sum(row.verdict in {Verdict.HOLDS, Verdict.TARGET} for row in bars)
    summary = f"{held} bars hold, {len(missed)} missed, over {rounds} interleaved rounds."
    return "\n\n".join(
        (
            "\n".join(described),
            summary,
            "### The service",
            table(bars),
            "### The raw limits of the same run",
            table(limits),
        )
    )


def write(text: str, file: Path, mark: str = BEGIN) -> None:
    """Put `text` between the marks of `file`; what stands around them is written by hand."""
    before, begin, rest = file.read_text(encoding="utf-8").partition(mark)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{file} has no place for the figures: {mark} ... {END}")
    file.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def load_average() -> float:
    return os.getloadavg()[0]


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
