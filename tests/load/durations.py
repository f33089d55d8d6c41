"""How long a load test runs, as it is typed."""

import re
from argparse import ArgumentTypeError

SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


def seconds(text: str) -> int:
    """`20`, `20s`, `5m` or `1h`. Raises ArgumentTypeError for anything else."""
    if not (found := re.fullmatch(r"\s*(\d+)\s*([smh]?)\s*", text)):
        raise ArgumentTypeError(f"{text!r} is no duration: write 20s, 5m or 1h")
    return int(found[1]) * SECONDS[found[2]]
