"""Files that hold a secret."""

import stat
from collections.abc import Iterator
from pathlib import Path

from service.errors import ConfigurationError

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


def secrets_in(directory: Path) -> Iterator[tuple[str, Path]]:
    """The settings that a directory of secrets gives, by name; whatever else is in there is no business of ours."""
    for file in sorted(directory.iterdir()) if directory.is_dir() else ():
        if file.name.upper().startswith(PREFIX) and file.is_file():
            yield file.name.upper(), file
