"""Asks for mails to known and unknown addresses in turn, and compares how long the answers take.

`python -m tests.load.forgot --url http://127.0.0.1:8080 [--pairs 200]` against an instance with mail that exempts this machine from
its limits (`tokenhouse dev` does). Exit status 1 when the medians differ by more than 5 %.
"""

import argparse
import asyncio
import random
import sys
from statistics import median
from time import perf_counter

from aiohttp import ClientSession

PASSWORD = "SecurePass1!"
MOST = 0.05  # of the longer median
WARM_UP = 20
PAUSE = 0.05  # seconds


async def ask(http: ClientSession, email: str) -> float:
    began = perf_counter()
    async with http.post("/auth/forgot", json={"email": email}) as answer:
        if answer.status != 202:
            raise SystemExit(f"forgot.py: {answer.status}: {await answer.text()}")
    return perf_counter() - began


async def measure(url: str, pairs: int) -> tuple[float, float]:
    """The medians for the known and for the unknown address, in seconds.

    Which of a pair is first is drawn, and each mail is dealt with before the next is asked for: otherwise an answer would
    wait for the work of another one.
    """
    known, unknown = f"ada{perf_counter()}@example.com", f"nobody{perf_counter()}@example.com"
    times: dict[str, list[float]] = {known: [], unknown: []}
    async with ClientSession(url) as http:
        person = {"email": known, "password": PASSWORD, "firstName": "Ada", "lastName": "Lovelace"}
        async with http.post("/auth/signup", json=person) as answer:
            answer.raise_for_status()
        for number in range(WARM_UP + pairs):
            for email in random.sample((known, unknown), 2):
                took = await ask(http, email)
                await asyncio.sleep(PAUSE)
                if number >= WARM_UP:
                    times[email].append(took)
    return median(times[known]), median(times[unknown])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--pairs", type=int, default=200)
    options = parser.parse_args()
    known, unknown = asyncio.run(measure(options.url, options.pairs))
    difference = abs(known - unknown) / max(known, unknown)
    print(f"known {known * 1000:.2f} ms, unknown {unknown * 1000:.2f} ms: {difference:.1%} apart")
    return int(difference > MOST)


if __name__ == "__main__":
    sys.exit(main())
