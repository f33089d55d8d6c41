"""`tokenhouse dev` in a process of its own, for browsers."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.builders import sign_up_body
from tests.support.ports import free_port
from tests.support.processes import running, stop, wait_for
from tests.support.waiting import PATIENCE


class Served(NamedTuple):
    """`tokenhouse dev` in a process of its own, as `make run` starts it."""

    port: int
    directory: Path

    @property
    def base(self) -> str:
        """By the name that browsers make passkeys for."""
        return f"http://localhost:{self.port}"

    def call(self, path: str, body: object = None, **headers: str) -> dict[str, Any]:
        """The answer of the API."""
        sent = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json", **headers},
        )
        with urllib.request.urlopen(sent, timeout=PATIENCE) as answer:  # noqa: S310 - as above
            found: dict[str, Any] = json.load(answer)
        return found

    def member(self, **fields: object) -> dict[str, Any]:
        """A new account."""
        sent = sign_up_body(**fields)
        return {**sent, **self.call("/auth/signup", sent)}

    def log_in(self, person: dict[str, Any]) -> dict[str, Any]:
        return self.call("/auth/login", {name: person[name] for name in ("email", "password")})

    def command(self, *words: str) -> None:
        """`tokenhouse dev …` on this instance."""
        with running("dev", *words, TOKENHOUSE_DEV_DIR=str(self.directory)) as process:
            said = process.communicate(timeout=PATIENCE)[0]
            assert process.returncode == 0, said

    def mails(self, recipient: str) -> list[dict[str, str]]:
        """Those that were kept, the newest first."""
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.port}/dev/mails.json?to={recipient}", timeout=PATIENCE
        ) as answer:
            found: list[dict[str, str]] = json.load(answer)
        return found


@contextmanager
def serving(directory: Path, **more: str) -> Iterator[Served]:
    port = free_port()
    told = {"TOKENHOUSE_DEV_DIR": str(directory), "TOKENHOUSE_PASSWORDS__BCRYPT_ROUNDS": "4", "PORT": str(port)}
    with running("dev", **told, **more) as process:
        wait_for(port, "/readyz", 200, process)
        yield Served(port, directory)
        stop(process)
