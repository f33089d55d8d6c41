"""A real Postgres, with one database `tokenhouse` owned by its one user `tokenhouse`."""

import shutil
import signal
import socket
import struct
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from service.embedded import binaries
from service.embedded.identity import Identity, choose
from service.embedded.server import LOOPBACK, EmbeddedServer
from service.operator_errors import ConfigurationError

NAME = "tokenhouse"
DEFAULT_PORT = 5432  # for a socket, only part of its file name
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
HELLO = struct.pack("!I", 3 << 16) + f"user\0{NAME}\0database\0{NAME}\0\0".encode()  # protocol 3.0
READY = b"Z\0\0\0\5I"
GOODBYE = b"X\0\0\0\4"


class EmbeddedPostgres(EmbeddedServer):
    """`fast` gives up durability for speed: for tests. `options` are server settings, as in postgresql.conf."""

    GRACEFUL: ClassVar = signal.SIGINT  # "fast shutdown": it ends open sessions and writes a checkpoint
    SOCKET: ClassVar = f".s.PGSQL.{DEFAULT_PORT}"

    def __init__(
        self,
        data: Path,
        sockets: Path,
        *,
        port: int | None = None,
        fast: bool = False,
        options: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(data, sockets, port)
        self._fast = fast
        self._options = options

    @property
    def url(self) -> str:
        if self._port is not None:
            return f"postgresql://{NAME}@{LOOPBACK}:{self._port}/{NAME}"
        return f"postgresql://{NAME}@/{NAME}?host={self.sockets}"

    def _prepare(self, claim: int) -> tuple[Identity, list[str | Path]]:
        identity, programs = self._programs()
        identity.own(self.sockets)
        for leftover in (self._socket, Path(f"{self._socket}.lock")):
            leftover.unlink(missing_ok=True)
        if self.data.exists():
            identity.own(self.data)
            self._forget_a_stale_pid()
        else:
            self._create(identity, programs, claim)
        settings = {
            "listen_addresses": "" if self._port is None else LOOPBACK,
            "port": str(self._port or DEFAULT_PORT),
            "unix_socket_directories": str(self.sockets) if self._port is None else "",
            "unix_socket_permissions": "0700",
            **(FAST if self._fast else {}),
            **self._options,
        }
        spoken = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return identity, [programs / "postgres", "-D", self.data, *spoken]

    def _answers(self, connection: socket.socket) -> bool:
        connection.sendall(struct.pack("!I", len(HELLO) + 4) + HELLO)
        heard = b""
        while not heard.endswith(READY) and (more := connection.recv(4096)):
            heard += more
        if not heard.endswith(READY):
            return False  # still starting up: it replies with an error and disconnects
        connection.sendall(GOODBYE)
        return True

    def _programs(self) -> tuple[Identity, Path]:
        """Postgres refuses to run as root: choose another user, and copy the wheel if that user cannot read it."""
        programs = binaries.find_postgres()
        reach = self.data.parent
        if identity := choose(programs / "postgres", reach):
            return identity, programs
        if binaries.is_from_wheel(programs):
            programs = binaries.copy_postgres(programs, self._beside("bin"))
            if identity := choose(programs / "postgres", reach):
                return identity, programs
        raise ConfigurationError(
            f"Postgres does not run as root, and the user nobody cannot reach {reach}: "
            "start as another user, or name a directory open to all in TOKENHOUSE_DEV_DIR",
        )

    def _create(self, identity: Identity, programs: Path, claim: int) -> None:
        """Create the database beside its place and then rename it: an interrupted start leaves no partial one."""
        partial = self._beside("partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
        identity.own(partial)
        speed = ["--no-sync"] if self._fast else []
        rules = ["-U", NAME, "--auth=trust", "--encoding=UTF8", "--no-locale", *speed]
        self._run(identity, [programs / "initdb", "-D", partial, *rules], claim)
        alone = ["--single", "-c", "exit_on_error=on", "-D", str(partial), "postgres"]
        self._run(identity, [programs / "postgres", *alone], claim, f"CREATE DATABASE {NAME}\n")
        partial.rename(self.data)

    def _forget_a_stale_pid(self) -> None:
        """After a crash, and above all in a restarted container, the process id may belong to another program."""
        record = self.data / "postmaster.pid"
        if not record.exists():
            return
        namesake = Path("/proc", record.read_text().split("\n", 1)[0].strip(), "comm")
        if namesake.exists() and namesake.read_text() != "postgres\n":
            record.unlink()
