"""A real Redis (or Valkey) that keeps its data in an append-only file."""

import signal
import socket
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from service.embedded import binaries
from service.embedded.identity import SAME, Identity, choose
from service.embedded.server import LOOPBACK, EmbeddedServer


class EmbeddedRedis(EmbeddedServer):
    """`options` are lines of redis.conf, which is rewritten at each start. A `sentinel` watches other servers."""

    GRACEFUL: ClassVar = signal.SIGTERM
    SOCKET: ClassVar = "redis.sock"

    def __init__(
        self,
        data: Path,
        sockets: Path,
        *,
        port: int | None = None,
        options: Mapping[str, str] = MappingProxyType({}),
        sentinel: bool = False,
    ) -> None:
        super().__init__(data, sockets, port)
        self._options = options
        self._sentinel = sentinel

    @property
    def url(self) -> str:
        return f"unix://{self._socket}" if self._port is None else f"redis://{LOOPBACK}:{self._port}/0"

    def _prepare(self, claim: int) -> tuple[Identity, list[str | Path]]:  # noqa: ARG002 - nothing runs before the server
        program = binaries.find_redis(self.data.with_name("bin"))
        identity = choose(program, self.data.parent) or SAME  # unlike Postgres, it may run as root
        self.data.mkdir(mode=0o700, exist_ok=True)
        settings = {
            "dir": _quoted(self.data),
            "port": "0",
            "daemonize": "no",
            "save": '""',
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
            **self._listen(),
            **self._options,
        }
        file = self.data / "redis.conf"
        file.unlink(missing_ok=True)
        with file.open("x", encoding="utf-8") as lines:  # "x": never through a link put there by the server's user
            lines.writelines(f"{name} {value}\n" for name, value in settings.items())
        identity.own(file)
        identity.own(self.data)
        identity.own(self.sockets)
        return identity, [program, file, *(["--sentinel"] if self._sentinel else [])]

    def _listen(self) -> dict[str, str]:
        if self._port is not None:
            return {"port": str(self._port), "bind": LOOPBACK}
        return {"unixsocket": _quoted(self._socket), "unixsocketperm": "700"}

    def _answers(self, connection: socket.socket) -> bool:
        connection.sendall(b"PING\r\n")
        return connection.recv(64).startswith(b"+PONG")


def _quoted(path: Path) -> str:
    text = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
