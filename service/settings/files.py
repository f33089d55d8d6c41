"""Checks of files that hold a secret."""

import stat
from collections.abc import Iterator
from pathlib import Path

from service.operator_errors import ConfigurationError

OPEN = stat.S_IROTH | stat.S_IWOTH | stat.S_IWGRP  # a group may read: containers share files with their user that way
PREFIX = "TOKENHOUSE_"


def require_private(name: str, file: Path) -> None:
    """Raises ConfigurationError, naming the setting, for a file that cannot be read or that is open to others.

    Links are followed: Kubernetes lays out secrets as links to files.
    """
    try:
        status = file.stat()
        file.open("rb").close()
    except OSError as error:
        raise ConfigurationError(f"{name}: {file}: {error.strerror}") from None
    if stat.S_ISREG(status.st_mode) and status.st_mode & OPEN:
        raise ConfigurationError(f"{name}: others may read or change {file}: chmod o-rw,g-w {file}")


def is_text(value: str) -> bool:
    """Whether an environment variable is UTF-8: Python decodes other bytes to lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def require_text(name: str, file: Path) -> None:
    """Raises ConfigurationError, naming the setting, for a file that is not UTF-8."""
    try:
        file.read_bytes().decode()
    except UnicodeDecodeError:
        raise ConfigurationError(f"{name}: {file} is not a text in UTF-8") from None


def secrets_in(directory: Path) -> Iterator[tuple[str, Path]]:
    """The settings in a directory of secrets, by name; other files in it are ignored.

    Raises ConfigurationError for a directory that cannot be read.
    """
    try:
        files = sorted(directory.iterdir()) if directory.is_dir() else []
        ours = [file for file in files if file.name.upper().startswith(PREFIX) and file.is_file()]
    except OSError as error:
        raise ConfigurationError(
            f"{directory}: {error.strerror}: let this user read and enter the directory, or name another one in"
            " TOKENHOUSE_SECRETS_DIR"
        ) from None
    for file in ours:
        yield file.name.upper(), file
