"""Real Postgres and Redis from wheels, for `tokenhouse dev` and the tests."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from service.embedded.postgres import EmbeddedPostgres
from service.embedded.redis import EmbeddedRedis
from service.operator_errors import ConfigurationError

__all__ = ["EmbeddedPostgres", "EmbeddedRedis", "Stores", "are_running", "socket_directory", "stores"]


@dataclass(frozen=True, slots=True)
class Stores:
    postgres: EmbeddedPostgres
    redis: EmbeddedRedis


@contextmanager
def stores(directory: Path, *, fast: bool = False) -> Iterator[Stores]:
    """Run both servers on the data below `directory`; `fast` trades durability for speed. Enter it in the main thread.

    Raises ConfigurationError when they cannot start, or already run on the same directory.
    """
    with _only_one(directory), ExitStack() as closing:
        postgres = EmbeddedPostgres(directory / "postgres", closing.enter_context(socket_directory()), fast=fast)
        redis = EmbeddedRedis(directory / "redis", closing.enter_context(socket_directory()))
        for server in (postgres, redis):  # the one that may refuse goes first
            closing.callback(server.stop)
            server.start()
        yield Stores(postgres, redis)


def are_running(directory: Path) -> bool:
    """Whether both servers run on `directory`, or are starting or stopping."""
    try:
        lock = os.open(directory / "lock", os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(lock)


@contextmanager
def socket_directory() -> Iterator[Path]:
    """A private directory for one server's socket, in /tmp because its path is limited to about 100 characters."""
    with tempfile.TemporaryDirectory(prefix="tokenhouse-", dir="/tmp", ignore_cleanup_errors=True) as name:
        yield Path(name)


@contextmanager
def _only_one(directory: Path) -> Iterator[None]:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ConfigurationError(f"{directory}: {error.strerror}; TOKENHOUSE_DEV_DIR names the directory") from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                f"another Tokenhouse runs on {directory}: stop it, or name another directory in TOKENHOUSE_DEV_DIR",
            ) from None
        yield
    finally:
        os.close(lock)
