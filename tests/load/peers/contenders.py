"""The servers that are compared: how each is installed, set up, started and asked. One process with one worker each."""

import asyncio
import json
import re
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar, Protocol
from urllib.parse import parse_qs, urlencode, urlsplit

import asyncpg

from service.version import installed_version
from tests.load import instances
from tests.load.client import LOOPBACK, Answer, request
from tests.load.figures import rate_since
from tests.load.instances import NO_LIMITS, PASSWORD, Instance, Stage, add_accounts, email, free_port
from tests.load.limits import cores
from tests.load.peers import environments
from tests.load.peers.environments import FILES, MissingPeerError

PREPARE_SECONDS = 120
THREADS_PER_CORE = 4  # gunicorn's documentation recommends two to four
KEEP_ALIVE = "75"  # seconds, more than any pause of a load
FORM = "application/x-www-form-urlencoded"
Command = list[str | Path]


class Contender(Protocol):
    """`setup` says in words what was chosen. `me` is the request of the person whom a login let in."""

    NAME: str
    SETUP: str

    async def prepare(self, place: Stage, accounts: int) -> None:
        """Install it and add the accounts. Raises MissingPeerError."""

    def versions(self) -> str: ...

    def serving(self, place: Stage) -> AbstractContextManager[Instance]: ...

    def raw_rate(self, seconds: float) -> float:
        """Checks per second of its bcrypt alone, on all cores."""

    def login(self, number: int) -> bytes: ...

    def me(self, signed_in: Answer) -> bytes: ...


class Tokenhouse:
    NAME = "Tokenhouse"
    SETUP = (
        "`tokenhouse serve` as it comes, limits off for the generator: RS256, hashes in a bounded queue of threads, "
        "Postgres and Redis, an access log line for each request. `GET /auth/me` asks whether the session was "
        "revoked, and reads the user's row."
    )

    async def prepare(self, place: Stage, accounts: int) -> None:
        with self.serving(place) as service:
            await add_accounts(place, service.port, accounts)

    def versions(self) -> str:
        return f"{installed_version()}, aiohttp {version('aiohttp')}, bcrypt {version('bcrypt')}"

    def serving(self, place: Stage) -> AbstractContextManager[Instance]:
        return place.service(NO_LIMITS)

    def raw_rate(self, seconds: float) -> float:
        return _rate([sys.executable, FILES / "raw_hashes.py", str(seconds), str(len(cores()))])

    def login(self, number: int) -> bytes:
        return instances.login(number)

    def me(self, signed_in: Answer) -> bytes:
        return request("GET", "/auth/me", authorization=f"Bearer {signed_in.json()['idToken']}")


class _Peer(ABC):
    """A program in an environment of its own, with a database of its own on the Postgres of the stage."""

    FOLDER: ClassVar[str]
    home: Path

    @abstractmethod
    def _install(self) -> Path: ...

    @abstractmethod
    def _prepare(self) -> Command: ...

    @abstractmethod
    def _serve(self, port: int) -> Command: ...

    @abstractmethod
    def _hashes(self, seconds: float) -> Command: ...

    async def prepare(self, place: Stage, accounts: int) -> None:
        self.home = await asyncio.to_thread(self._install)
        owner = await asyncpg.connect(place.postgres)
        try:
            await owner.execute(f"CREATE DATABASE {self.FOLDER}")
        finally:
            await owner.close()
        given = {**self._variables(place), "ACCOUNTS": str(accounts), "PASSWORD": PASSWORD}
        await asyncio.to_thread(_finish, self._prepare(), given)

    @contextmanager
    def serving(self, place: Stage) -> Iterator[Instance]:
        port = free_port()
        with place.run(self._serve(port), port, self._variables(place), leads=True) as instance:
            yield instance

    def raw_rate(self, seconds: float) -> float:
        return _rate(self._hashes(seconds))

    def _variables(self, place: Stage) -> dict[str, str]:
        """libpq's own names, which all of them read."""
        url = urlsplit(place.postgres)
        [sockets] = parse_qs(url.query)["host"]
        return {
            "PGHOST": sockets,
            "PGUSER": url.username or "",
            "PGDATABASE": self.FOLDER,
            "PYTHONPATH": str(FILES / self.FOLDER),
            "DJANGO_SETTINGS_MODULE": "settings",
            "NODE_ENV": "production",
        }


class _PythonPeer(_Peer):
    PACKAGES: ClassVar[tuple[str, ...]]
    PROGRAM: ClassVar[str]

    def versions(self) -> str:
        frozen = _finish([self._program("python"), "-m", "pip", "list", "--format=json"], {})
        found = {one["name"].lower().replace("_", "-"): one["version"] for one in json.loads(frozen)}
        return ", ".join(f"{name} {found[name]}" for name in self.PACKAGES)

    def _install(self) -> Path:
        return environments.python(self.FOLDER)

    def _prepare(self) -> Command:
        return [self._program("python"), FILES / self.FOLDER / self.PROGRAM]

    def _hashes(self, seconds: float) -> Command:
        return [self._program("python"), FILES / "raw_hashes.py", str(seconds), str(len(cores()))]

    def _program(self, name: str) -> Path:
        return self.home / "bin" / name


class FastApiUsers(_PythonPeer):
    NAME = "fastapi-users"
    SETUP = (
        "uvicorn with uvloop and httptools, one worker, no access log; SQLAlchemy's asyncio on Postgres with 20 "
        "connections; JWT strategy (HS256), which keeps no session, so nothing is asked about revocation; "
        "`GET /users/me` reads the user's row. It has no option to hash outside of the event loop."
    )
    FOLDER = "fastapi_users"
    PACKAGES = ("fastapi-users", "fastapi", "uvicorn", "pwdlib", "bcrypt")
    PROGRAM = "app.py"

    def _serve(self, port: int) -> Command:
        options = ["--no-access-log", "--log-level", "warning", "--timeout-keep-alive", KEEP_ALIVE]
        return [self._program("uvicorn"), "app:app", "--host", LOOPBACK, "--port", str(port), *options]

    def login(self, number: int) -> bytes:
        body = urlencode({"username": email(number), "password": PASSWORD})
        head = ["POST /login HTTP/1.1", f"Host: {LOOPBACK}", f"Content-Type: {FORM}", f"Content-Length: {len(body)}"]
        return "\r\n".join((*head, "", body)).encode()

    def me(self, signed_in: Answer) -> bytes:
        return request("GET", "/users/me", authorization=f"Bearer {signed_in.json()['access_token']}")


class DjangoSimpleJwt(_PythonPeer):
    NAME = "Django with simplejwt"
    SETUP = (
        f"gunicorn, one worker of class gthread with {THREADS_PER_CORE} threads for each core, so hashes run in threads; "
        "no middleware, persistent connections to Postgres, JSON only, no access log; access tokens (HS256) that keep no "
        "session, so nothing is asked about revocation; a view behind `JWTAuthentication`, which reads the user's row."
    )
    FOLDER = "django_simplejwt"
    PACKAGES = ("django", "djangorestframework", "djangorestframework-simplejwt", "gunicorn", "bcrypt")
    PROGRAM = "prepare.py"

    def _serve(self, port: int) -> Command:
        threads = str(THREADS_PER_CORE * len(cores()))
        worker = ["--workers", "1", "--worker-class", "gthread", "--threads", threads, "--keep-alive", KEEP_ALIVE]
        return [
            self._program("gunicorn"),
            "django.core.wsgi:get_wsgi_application()",
            "--bind",
            f"{LOOPBACK}:{port}",
            *worker,
        ]

    def login(self, number: int) -> bytes:
        return request("POST", "/login", {"username": email(number), "password": PASSWORD})

    def me(self, signed_in: Answer) -> bytes:
        return request("GET", "/me", authorization=f"Bearer {signed_in.json()['access']}")


class BetterAuth(_Peer):
    NAME = "better-auth"
    SETUP = (
        "Node's own HTTP server with `toNodeHandler`, Postgres through `pg` with 20 connections; the `bcrypt` package "
        "in place of its own scrypt, whose hashes run in Node's thread pool; sessions in Postgres, with the cookie cache "
        "that its guide to performance recommends: `GET /api/auth/get-session` reads no row while the cache lasts, and "
        "nothing is asked about revocation. Rate limits off."
    )
    FOLDER = "better_auth"
    PROGRAM = "server.mjs"
    PACKAGES = ("better-auth", "pg", "bcrypt")

    def versions(self) -> str:
        named = [(name, self.home / "node_modules" / name / "package.json") for name in self.PACKAGES]
        found = [f"{name} {json.loads(file.read_text(encoding='utf-8'))['version']}" for name, file in named]
        return ", ".join([*found, f"node {_finish(['node', '--version'], {}).strip().lstrip('v')}"])

    def _install(self) -> Path:
        return environments.node(self.FOLDER, self.PROGRAM)

    def _prepare(self) -> Command:
        return self._node("prepare")

    def _serve(self, port: int) -> Command:
        return self._node("serve", str(port))

    def _hashes(self, seconds: float) -> Command:
        return self._node("hashes", str(seconds), str(len(cores())))

    def _node(self, *words: str) -> Command:
        return ["node", self.home / self.PROGRAM, *words]

    def login(self, number: int) -> bytes:
        return request("POST", "/api/auth/sign-in/email", {"email": email(number), "password": PASSWORD})

    def me(self, signed_in: Answer) -> bytes:
        cookies = re.findall(rb"^set-cookie: ([^;\r]+)", signed_in.head, re.IGNORECASE | re.MULTILINE)
        return request("GET", "/api/auth/get-session", cookie=b"; ".join(cookies).decode())


def everyone() -> list[Contender]:
    return [Tokenhouse(), FastApiUsers(), DjangoSimpleJwt(), BetterAuth()]


def _rate(hashes: Command) -> float:
    start, *ends = json.loads(_finish(hashes, {"PASSWORD": PASSWORD}))
    return rate_since(start, ends)


def _finish(command: Command, variables: dict[str, str]) -> str:
    """Run it to its end, for what it prints. Raises MissingPeerError."""
    try:
        done = subprocess.run(
            command,
            env={**instances.inherited(), **variables},
            capture_output=True,
            text=True,
            timeout=PREPARE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingPeerError(f"{Path(command[0]).name}: {error}") from error
    if done.returncode:
        raise MissingPeerError((done.stderr.strip() or f"{command[0]} failed").splitlines()[-1][:200])
    return done.stdout
