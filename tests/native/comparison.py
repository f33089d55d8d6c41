"""Compares the compiled engine with the bcrypt package, from many threads: python -m tests.native.comparison SECONDS [MODULE]."""

import random
import sys
import threading
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from time import monotonic
from typing import Any

import bcrypt
from passlib.utils.binary import bcrypt64

THREADS = 13
CORES = 3
LENGTHS = (0, 1, 71, 72)
IDENTIFIERS = (b"$2a$", b"$2b$", b"$2y$")


@dataclass
class Comparison:
    pool: Any
    compared: int = 0
    wrong: list[tuple[bytes, bytes]] = field(default_factory=list)  # password and configuration

    def compare(self, password: bytes, config: bytes) -> None:
        salt, cost = bcrypt64.decode_bytes(config[7:]), int(config[4:6])
        if bcrypt64.encode_bytes(self.pool.digest(password, salt, cost)) != bcrypt.hashpw(password, config)[-31:]:
            self.wrong.append((password, config))
        self.compared += 1

    def compare_until(self, ends: float, dice: random.Random) -> None:
        while monotonic() < ends and not self.wrong:
            config = b"%s%02d$%s" % (
                dice.choice(IDENTIFIERS),
                dice.choice((4, 4, 4, 5, 5, 6, 7, 8)),
                bcrypt64.encode_bytes(dice.randbytes(16)),
            )
            self.compare(a_password(dice), config)


def a_password(dice: random.Random) -> bytes:
    length = dice.choice((dice.randrange(73), *LENGTHS))
    return dice.choice(
        (
            dice.randbytes(length),
            bytes(dice.randrange(1, 256) for _ in range(length)),
            bytes([dice.choice((0, 0x7F, 0x80, 0xFF))]) * length,
        )
    )


def compare_for(seconds: float, seed: int, path: str = "") -> Comparison:
    """With the module that is in use, or the build at a path."""
    module = load(path) if path else import_module("service.native._lanes")
    comparison = Comparison(module.Pool(CORES))
    ends = monotonic() + seconds
    threads = [
        threading.Thread(target=comparison.compare_until, args=(ends, random.Random(seed * THREADS + number)))  # noqa: S311 - a run must be repeatable
        for number in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return comparison


def load(path: str) -> Any:
    spec = spec_from_file_location("service.native._lanes", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(seconds: str, path: str = "") -> int:
    seed = random.randrange(10**6)  # noqa: S311 - chosen, not secret
    comparison = compare_for(float(seconds), seed, path)
    waiting, running = comparison.pool.jobs()
    print(  # noqa: T201 - it is a program
        f"seed {seed}: {comparison.compared} compared, {len(comparison.wrong)} wrong {comparison.wrong[:1]};"
        f" {waiting} waiting, {running} running"
    )
    return int(bool(comparison.wrong or waiting or running or not comparison.compared))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
