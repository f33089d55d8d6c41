"""The `tokenhouse` command in processes of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from service.embedded import Stores
from tests.conftest import ROOT
from tests.support.builders import EVENT_LOOP, SECRET
from tests.support.waiting import PATIENCE, STORES

# As `unhurried`, in the environment.
UNHURRIED = {
    f"TOKENHOUSE_{section}__{name}".upper(): f"{PATIENCE:.0f}s" for section, names in STORES.items() for name in names
}
CHILD = {"TOKENHOUSE_METRICS__PORT": "0", "TOKENHOUSE_SERVER__EVENT_LOOP": EVENT_LOOP}


@contextmanager
def running(*arguments: str, within: Sequence[str] = (), **environment: str) -> Iterator[subprocess.Popen[str]]:
    """`within` is the beginning of a command that runs the rest."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TOKENHOUSE_")}
    process = subprocess.Popen(
        [*within, sys.executable, "-m", "service", *arguments],
        env=kept | {"PYTHONPATH": str(ROOT)} | CHILD | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd="/",
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def answers(port: int, path: str) -> int:
    """The status, 0 while nobody listens."""
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code
    except (URLError, OSError):
        return 0


def wait_for(port: int, path: str, status: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while answers(port, path) != status:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, f"{path} is not {status}"
        time.sleep(0.02)  # between two looks at another process, for an event and not for a time


def stop(process: subprocess.Popen[str], how: signal.Signals = signal.SIGTERM) -> str:
    process.send_signal(how)
    said = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 0, said
    return said


def of(stores: Stores | None, port: int, **more: str) -> dict[str, str]:
    urls = (
        {"TOKENHOUSE_DATABASE__URL": stores.postgres.url, "TOKENHOUSE_REDIS__URL": stores.redis.url} if stores else {}
    )
    return urls | UNHURRIED | {"TOKENHOUSE_SECRET_KEY": SECRET, "TOKENHOUSE_SERVER__PORT": str(port)} | more
