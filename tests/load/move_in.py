"""Imports many accounts while others log in, and compares what wrong passwords cost.

`python -m tests.load.move_in --url http://127.0.0.1:8080 [--people 100000]` against an instance that exempts this machine
from its limits (`tokenhouse dev` does), in an environment whose settings lead `tokenhouse` to the same stores. Exit
status 1 when the import took longer than a minute, or when a wrong password for an imported cheap hash and one for an
unknown account differ by more than 5 % (in the medians of logins that are made in turn).
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from time import monotonic
from uuid import uuid4

from aiohttp import ClientSession

PASSWORD = "SecurePass1!"
CHEAP = "$pbkdf2-sha256$i=1000$c2FsdFNhbHQxMjM0NTY3ODkwYWJjZA$ByL1PtTJZmHi1Jtb55NZvJaHzDMjpymQkpJHTg8iOns"
LONGEST = 60.0  # seconds
FARTHEST = 0.05
PAIRS = 40


async def attempt(http: ClientSession, email: str, password: str) -> tuple[int, float]:
    began = monotonic()
    async with http.post("/auth/login", json={"email": email, "password": password}) as answer:
        await answer.read()
        return answer.status, monotonic() - began


async def move_in(file: str) -> float:
    began = monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "service", "users", "import", file, "--format", "jsonl"
    )
    if await process.wait():
        raise SystemExit("the import failed")
    return monotonic() - began


async def keep_logging_in(http: ClientSession, email: str, seen: list[float]) -> None:
    while True:
        status, seconds = await attempt(http, email, PASSWORD)
        if status != 200:
            raise SystemExit(f"a login was answered with {status}")
        seen.append(seconds)


async def compare(http: ClientSession, email: str) -> tuple[float, float]:
    """Median seconds of a wrong password for an imported hash, and for nobody."""
    times: dict[str, list[float]] = {email: [], f"nobody-{email}": []}
    for _ in range(PAIRS):
        for name, seen in times.items():
            seen.append((await attempt(http, name, "Wrong-Pass1!"))[1])
    imported, nobody = map(statistics.median, times.values())
    return imported, nobody


async def run(url: str, people: int) -> int:
    mark = uuid4().hex[:8]
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        for number in range(people):
            person = {"email": f"p{number}-{mark}@example.com", "firstName": "Ada", "passwordHash": CHEAP}
            file.write(json.dumps(person) + "\n")
        file.flush()
        async with ClientSession(url) as http:
            regular = f"regular-{mark}@example.com"
            body = {"email": regular, "password": PASSWORD, "firstName": "Ada", "lastName": "Lovelace"}
            async with http.post("/auth/signup", json=body) as answer:
                answer.raise_for_status()
            seen: list[float] = []
            logins = asyncio.create_task(keep_logging_in(http, regular, seen))
            seconds = await move_in(file.name)
            logins.cancel()
            print(f"{people} accounts in {seconds:.1f} s; {len(seen)} logins meanwhile, the slowest {max(seen):.2f} s")
            imported, nobody = await compare(http, f"p0-{mark}@example.com")
    print(f"a wrong password: {imported * 1000:.1f} ms for an imported hash, {nobody * 1000:.1f} ms for nobody")
    is_fast, is_alike = seconds < LONGEST, abs(imported / nobody - 1) < FARTHEST
    return 0 if is_fast and is_alike else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--people", type=int, default=100_000)
    asked = parser.parse_args()
    return asyncio.run(run(asked.url, asked.people))


if __name__ == "__main__":
    raise SystemExit(main())
