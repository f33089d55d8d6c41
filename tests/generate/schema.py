"""What the migrations make, as one readable file: `python -m tests.generate.schema` writes it to `sql/schema.sql`."""

import asyncio
import re
import subprocess
import tempfile
from pathlib import Path

from service.embedded import EmbeddedPostgres, socket_directory
from service.embedded.binaries import find_postgres
from service.stores.migrations import migrate

FILE = Path(__file__).parents[2] / "sql" / "schema.sql"
HEADER = "-- The schema as the migrations make it. Written by `make schema`; change it by a migration.\n"
OPTIONS = ("--schema-only", "--no-owner", "--no-privileges")
NOISE = re.compile(r"^(--|SET |SELECT pg_catalog\.|\\)")  # comments, session settings, psql's own commands


def dump(url: str) -> str:
    """The schema of a database in pg_dump's words, without what depends on its version."""
    command = [str(find_postgres() / "pg_dump"), *OPTIONS, url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    kept = "\n".join(line for line in said.splitlines() if not NOISE.match(line))
    return HEADER + "\n" + re.sub(r"\n{3,}", "\n\n", kept.replace("public.", "")).strip() + "\n"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="tokenhouse-", dir="/tmp") as data, socket_directory() as sockets:
        postgres = EmbeddedPostgres(Path(data) / "postgres", sockets, fast=True)
        postgres.start()
        try:
            asyncio.run(migrate(postgres.url))
            FILE.write_text(dump(postgres.url), encoding="utf-8")
        finally:
            postgres.stop()


if __name__ == "__main__":
    main()
