"""What the benchmarks run on: embedded stores, instances of the service as processes of their own, and accounts."""

import asyncio
import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter, sleep

import asyncpg

from service.ambient import Ambient
from service.embedded import stores
from service.settings import ENVIRONMENT
from tests.load.client import LOOPBACK, Answer, Connection, once, request

PASSWORD = "SecurePass1!"  # of accounts that are gone with the benchmark
NO_LIMITS = {"TOKENHOUSE_THROTTLE__EXEMPT": "127.0.0.0/8"}
NO_METRICS = {"TOKENHOUSE_METRICS__ENABLED": "false"}
SHORT_NAMES = ("DATABASE_URL", "REDIS_URL", "PORT", "LOG_LEVEL")
SLOWER = "PYTHONDONTWRITEBYTECODE"  # each start would compile all modules
START_SECONDS = 30
STEP = 0.005
PAGE = os.sysconf("SC_PAGE_SIZE")
SERVICE_LOOP = "uvloop" if find_spec("uvloop") else "asyncio"  # as `server.event_loop: auto` chooses
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Instance:
    """A server process on this machine. `ready_after` is in seconds from its start to its first good /readyz."""

    process: "subprocess.Popen[bytes]"
    port: int
    ready_after: float = 0.0
    leads: bool = False  # a session of processes, which end with it and at once

    def pin(self, cores: list[int]) -> None:
        """Keep every thread it has by now on these cores."""
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            with suppress(ProcessLookupError):  # a thread that ended meanwhile
                os.sched_setaffinity(int(task.name), cores)

    def resident(self) -> float:
        """Its memory in MB."""
        return resident(self.process.pid)

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS  # utime and stime of proc(5)

    def stop(self) -> None:
        if self.leads:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass(slots=True)
class Stage:
    """The stores are those of a real installation: nothing is traded for speed."""

    postgres: str
    redis: str
    logs: Path
    secret: str

    @contextmanager
    def service(self, settings: Mapping[str, str], python: str = sys.executable) -> Iterator[Instance]:
        port = free_port()
        variables = {
            "TOKENHOUSE_DATABASE__URL": self.postgres,
            "TOKENHOUSE_REDIS__URL": self.redis,
            "TOKENHOUSE_SECRET_KEY": self.secret,
            "TOKENHOUSE_SERVER__PORT": str(port),
            "TOKENHOUSE_METRICS__PORT": "0",
            **settings,
        }
        with self.run([python, "-m", "service", "serve"], port, variables) as instance:
            yield instance

    @contextmanager
    def hello(self, loop: str) -> Iterator[Instance]:
        """On uvloop or asyncio."""
        port = free_port()
        with self.run([sys.executable, "-m", "tests.load.hello", str(port), loop], port, {}) as instance:
            yield instance

    @contextmanager
    def run(
        self, command: Sequence[str | Path], port: int, variables: Mapping[str, str], *, leads: bool = False
    ) -> Iterator[Instance]:
        """A server that answers /readyz at `port`."""
        log = self.logs / f"{port}.log"
        with log.open("ab") as output:
            started = perf_counter()
            process = subprocess.Popen(
                command,
                env={**inherited(), **variables},
                stdout=output,
                stderr=output,
                start_new_session=leads,
            )
        instance = Instance(process, port, leads=leads)
        try:
            _await_ready(instance, started, log)
            yield instance
        finally:
            instance.stop()

    async def sql(self, query: str, *arguments: object) -> None:
        connection = await asyncpg.connect(self.postgres)
        try:
            await connection.execute(query, *arguments)
        finally:
            await connection.close()


@contextmanager
def stage() -> Iterator[Stage]:
    """Everything in a directory that is gone afterwards. Enter it in the main thread."""
    with ExitStack() as closing:
        closing.enter_context(_alone())
        place = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="tokenhouse-bench-")))
        place.chmod(0o755)  # Postgres may have to run as somebody else
        running = closing.enter_context(stores(place / "data"))
        yield Stage(running.postgres.url, running.redis.url, place, Ambient().random_bytes(48).hex())


@contextmanager
def _alone() -> Iterator[None]:
    """Two benchmarks at once would measure each other."""
    with (Path(tempfile.gettempdir()) / "tokenhouse-bench.lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit("another benchmark runs on this machine: wait for its end") from None
        yield


def resident(process: int) -> float:
    """Memory in MB."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * PAGE / 1_000_000


def inherited() -> dict[str, str]:
    """The environment without settings of the service, which a benchmark chooses itself, and with bytecode."""
    return {
        name: value
        for name, value in ENVIRONMENT.items()
        if not name.startswith("TOKENHOUSE_") and name not in (*SHORT_NAMES, SLOWER)
    }


def email(number: int) -> str:
    return f"bench-{number}@example.com"


def login(number: int, password: str = PASSWORD, **headers: str) -> bytes:
    return request("POST", "/auth/login", {"email": email(number), "password": password}, **headers)


def sign_up(number: int) -> bytes:
    names = {"firstName": "Ada", "lastName": "Lovelace"}
    return request("POST", "/auth/signup", {"email": email(number), "password": PASSWORD, **names})


async def add_accounts(place: Stage, port: int, count: int) -> None:
    """The first is signed up at `port`, the others with a cheap hash that is then replaced by the first one's."""
    await _expect(201, await once(port, sign_up(0)))
    cheap = {**NO_LIMITS, "TOKENHOUSE_PASSWORDS__BCRYPT_ROUNDS": "4"}
    with place.service(cheap) as instance:
        connection = await Connection.open(instance.port)
        for number in range(1, count):
            await _expect(201, await connection.ask(sign_up(number)))
        connection.drop()
    await place.sql(
        "UPDATE users SET password_hash = (SELECT password_hash FROM users WHERE canonical_email = $1)", email(0)
    )


async def tokens(port: int, numbers: range) -> list[dict[str, str]]:
    """Log these accounts in, two at a time."""
    turns = asyncio.Semaphore(2)

    async def one(number: int) -> dict[str, str]:
        async with turns:
            return (await _expect(200, await once(port, login(number)))).json()

    return list(await asyncio.gather(*(one(number) for number in numbers)))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _await_ready(instance: Instance, started: float, log: Path) -> None:
    while instance.process.poll() is None and perf_counter() - started < START_SECONDS:
        with suppress(OSError), socket.create_connection((LOOPBACK, instance.port), timeout=1) as probe:
            probe.sendall(request("GET", "/readyz"))
            if probe.recv(4096).startswith(b"HTTP/1.1 200"):
                instance.ready_after = perf_counter() - started
                return
        sleep(STEP)
    raise RuntimeError(f"the server did not start: {log.read_text(errors='replace')[-500:]}")


async def _expect(status: int, answer: Answer) -> Answer:
    if answer.status != status:
        raise RuntimeError(f"{status} was expected, {answer.status} came: {answer.body[:300]!r}")
    return answer
