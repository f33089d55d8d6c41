"""The install command, per platform, for a server that was not found."""

import shutil

# A platform's package manager; its install command; its packages of Postgres and of Redis.
MANAGERS = (
    ("brew", "brew install", "postgresql@17", "redis"),
    ("apt-get", "sudo apt-get install", "postgresql", "redis-server"),
    ("dnf", "sudo dnf install", "postgresql-server", "valkey"),
    ("apk", "sudo apk add", "postgresql", "valkey"),
    ("pacman", "sudo pacman -S", "postgresql", "valkey"),
    ("zypper", "sudo zypper install", "postgresql-server", "valkey"),
    ("pkg", "sudo pkg install", "postgresql17-server", "valkey"),
)


def to_get_postgres() -> str:
    for manager, words, package, _ in MANAGERS:
        if shutil.which(manager):
            return f"{words} {package}"
    return "install a Postgres whose initdb is on PATH"


def to_get_redis() -> str:
    for manager, words, _, package in MANAGERS:
        if shutil.which(manager):
            return f"{words} {package}"
    return "install a redis-server or valkey-server that is on PATH"
