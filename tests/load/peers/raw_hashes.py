"""The start, then when each check of the bcrypt package of this environment ended: `python raw_hashes.py SECONDS AT_ONCE`."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import bcrypt

PASSWORD = b"SecurePass1!"


def times(seconds: float, at_once: int) -> list[float]:
    stored = bcrypt.hashpw(PASSWORD, bcrypt.gensalt(12))
    started = perf_counter()
    until = started + seconds

    def work() -> list[float]:
        ended: list[float] = []
        while perf_counter() < until:
            bcrypt.checkpw(PASSWORD, stored)
            ended.append(perf_counter())
        return ended

    with ThreadPoolExecutor(at_once) as threads:
        running = [threads.submit(work) for _ in range(at_once)]
        ends = sorted(end for one in running for end in one.result() if end <= until)  # later, some threads idle
    return [started, *ends]


if __name__ == "__main__":
    print(json.dumps(times(float(sys.argv[1]), int(sys.argv[2]))))
