"""The base of both servers: a child process in the foreground that never outlives ours."""

import fcntl
import os
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar

from service.embedded.identity import Identity
from service.operator_errors import ConfigurationError

LOOPBACK = "127.0.0.1"
STEP = 0.01  # seconds between two attempts
ANSWER_STEPS = 6000  # a minute: recovery after a crash takes time
CLAIM_STEPS = 1000  # ten seconds: a predecessor may still be shutting down
STOP_SECONDS = 10


class EmbeddedServer(ABC):
    """One server on a data directory, listening in a directory for sockets, or, given a port, on loopback only.

    The socket has no authentication, so the directory for sockets must be private, and its path short (at most 80
    characters); a port is for tests. The log and the lock are beside the data directory, named after it.
    """

    GRACEFUL: ClassVar[signal.Signals]
    SOCKET: ClassVar[str]

    def __init__(self, data: Path, sockets: Path, port: int | None) -> None:
        self.data = data.absolute()
        self.log = self._beside("log")
        self.sockets = sockets.absolute()
        self._socket = self.sockets / self.SOCKET
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients connect; the same after every start."""

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @abstractmethod
    def _prepare(self, claim: int) -> tuple[Identity, list[str | Path]]:
        """Make the data directory ready; `claim` is the lock's descriptor. Returns the identity and the command."""

    @abstractmethod
    def _answers(self, connection: socket.socket) -> bool:
        """Whether the server at the other end is ready for work."""

    def start(self) -> None:
        """Return when the server answers. On Linux it ends with the *thread* that started it: use the main one.

        Raises ConfigurationError with one line that says what is missing or in the way.
        """
        try:
            self.data.parent.mkdir(parents=True, exist_ok=True)
            with self._claim() as claim, self.log.open("wb") as log:
                identity, command = self._prepare(claim)
                self._process = subprocess.Popen(  # noqa: S603 - our own words
                    identity.command(command, self.data, self.GRACEFUL),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=[claim],
                    start_new_session=True,  # so that Ctrl-C reaches only us, and we stop them in order
                )
        except OSError as error:
            raise ConfigurationError(f"{error.filename or self.data}: {error.strerror}") from error
        try:
            self._await_answer(self._process)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Shut down gracefully; kill after ten seconds."""
        if self._process is None:
            return
        self.resume()
        self._process.send_signal(self.GRACEFUL)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End at once, as in a power cut."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
        self._process = None

    def pause(self) -> None:
        """Freeze all its processes: connections stay open without replies. Linux only."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Continue after `pause`."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        """Signal the server and then its children; the server first, so that it starts no more of them."""
        if self._process is None or self._process.poll() is not None:
            return
        kinship = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        children = kinship.read_text().split() if kinship.exists() else []
        for pid in (self._process.pid, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _run(self, identity: Identity, command: Sequence[str | Path], claim: int, typed: str = "") -> None:
        """Run a command to its end, its output in the log. Raises ConfigurationError when it fails."""
        with self.log.open("ab") as log:
            done = subprocess.run(  # noqa: S603 - our own words
                identity.command(command, self.data.parent, signal.SIGKILL),
                input=typed.encode(),
                stdout=log,
                stderr=log,
                pass_fds=[claim],
                check=False,
                start_new_session=True,
            )
        if done.returncode != 0:
            raise ConfigurationError(self._complaint())

    @contextmanager
    def _claim(self) -> Iterator[int]:
        """Hold the data directory's lock. All processes of the server inherit it: it is free when the last one ends."""
        with self._beside("lock").open("wb") as lock:
            for _ in range(CLAIM_STEPS):
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    time.sleep(STEP)
                else:
                    yield lock.fileno()
                    return
        raise ConfigurationError(f"a server still runs on {self.data}; stop it and start again")

    def _await_answer(self, process: subprocess.Popen[bytes]) -> None:
        for _ in range(ANSWER_STEPS):
            if process.poll() is not None:
                raise ConfigurationError(self._complaint())
            with suppress(OSError), self._connect() as connection:
                if self._answers(connection):
                    return
            time.sleep(STEP)
        raise ConfigurationError(f"the server on {self.data} does not answer; {self.log} may say why")

    def _connect(self) -> socket.socket:
        if self._port is not None:
            return socket.create_connection((LOOPBACK, self._port), timeout=1)
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(1)
            connection.connect(str(self._socket))
        except OSError:
            connection.close()
            raise
        return connection

    def _beside(self, ending: str) -> Path:
        return self.data.with_name(f"{self.data.name}.{ending}")

    def _complaint(self) -> str:
        """An error message with the last error in the log, or its last line."""
        lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        grave = [line for line in lines if "FATAL" in line or "rror" in line]
        reason = (grave or lines or ["it said nothing"])[-1]
        return f"the server on {self.data} does not start: {reason} (see {self.log})"
