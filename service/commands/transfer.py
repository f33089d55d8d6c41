"""`tokenhouse users import FILE` and `tokenhouse users export`."""

import argparse
import os
import re
import stat
import sys
from contextlib import AbstractContextManager, nullcontext
from io import BufferedReader
from pathlib import Path
from typing import TextIO, cast

from service.assembly.application import Application
from service.commands.frame import DONE, FAILED, complain, on_application, say
from service.commands.progress import IDS, Progress
from service.domain.foreign_hashes.phc import UnusableHashError
from service.domain.transfer import formats
from service.domain.transfer.formats import FileFormat, FirebaseKey
from service.domain.transfer.imports import Read
from service.domain.transfer.models import BrokenFileError, RefusedLine
from service.errors import NotConfiguredError

EVERY = 100  # records between two looks at how far the file is read
MEMBER = re.compile(r'"?(base64_signer_key|base64_salt_separator|rounds|mem_cost)"?\s*:\s*"?([\w+/=-]+)"?', re.ASCII)


def add_parsers(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    about = "add the accounts of a file of another system; those that are there already stay as they are"
    taking = actions.add_parser("import", help=about, description=about)
    taking.add_argument("file", metavar="FILE", help="or - for standard input")
    taking.add_argument("--format", required=True, choices=formats.NAMES, help="the system that wrote the file")
    taking.add_argument("--dry-run", action="store_true", help="check the file, add nothing")
    taking.add_argument("--send-reset", action="store_true", help="mail new accounts without a password a reset")
    about = "a file with the project's password hash parameters, as its console shows them"
    taking.add_argument("--firebase-key", metavar="PATH", help=about)
    taking.set_defaults(run=on_application(_import, postgres_alone=True))
    about = "write all accounts to standard output, a JSON object a line, as import --format jsonl takes them"
    giving = actions.add_parser("export", help=about, description=about)
    giving.add_argument("--with-hashes", action="store_true", help="with the hashes of their passwords")
    giving.set_defaults(run=on_application(_export, postgres_alone=True))


async def _import(application: Application, asked: argparse.Namespace) -> int:
    if asked.send_reset:
        try:
            application.mail.mails.require_configured()
        except NotConfiguredError:
            complain("--send-reset needs mail: set mail.url")
            return FAILED
    try:
        key = _firebase_key(Path(asked.firebase_key)) if asked.firebase_key else None
        form = formats.of(asked.format, key)
        opened = _opened(asked.file)
    except OSError as error:
        complain(f"nothing is imported: {error.filename}: {error.strerror}")
        return FAILED
    except (UnicodeDecodeError, UnusableHashError) as error:
        complain(f"nothing is imported: {error}")
        return FAILED
    with opened as file:
        progress = Progress("import", _size(file), application.ambient)

        def refuse(refusal: RefusedLine) -> None:
            progress.clear()
            complain(f"line {refusal.line}: {refusal.reason}")

        read = _watched(form, file, progress)
        report = await application.imports.run(read, refuse, dry=asked.dry_run, send_reset=asked.send_reset)
    progress.clear()
    would = "would be added" if asked.dry_run else "added"
    say(
        f"{would}: {report.added} ({report.without_password} without a password),"
        f" there already: {report.there_already}, refused: {report.refused}"
    )
    return FAILED if report.refused else DONE


async def _export(application: Application, asked: argparse.Namespace) -> int:
    if asked.with_hashes and _others_read(sys.stdout):
        complain("others on this machine may read the file that the hashes go to: chmod 600, or umask 077 before")
    progress = Progress("export", IDS, application.ambient)
    exported = application.exports.run(with_hashes=asked.with_hashes, on_place=lambda user_id: progress.at(user_id.int))
    async for line in exported:
        if sys.stdout.isatty():
            progress.clear()
        try:
            say(line)
        except OSError as error:  # a full disk, or nobody reads on
            complain(f"the export is cut off: {error.strerror}")
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python writes what is left at its end
            return FAILED
    progress.clear()
    return DONE


def _others_read(stream: TextIO) -> bool:
    try:
        about = os.fstat(stream.fileno())
    except OSError:  # it is no file at all
        return False
    return stat.S_ISREG(about.st_mode) and bool(about.st_mode & (stat.S_IRGRP | stat.S_IROTH))


def _watched(form: FileFormat, file: BufferedReader, progress: Progress) -> Read:
    def watched() -> Read:
        line = 0
        try:
            for count, (line, moved) in enumerate(form.read(file)):
                if count % EVERY == 0:
                    progress.at(_read_so_far(file, count))
                yield line, moved
        except OSError as error:  # of the file: stores are asked elsewhere
            raise BrokenFileError(line, f"the file cannot be read on from here: {error.strerror}") from error

    return watched()


def _read_so_far(file: BufferedReader, count: int) -> int:
    return file.tell() if file.seekable() else count


def _size(file: BufferedReader) -> int | None:
    about = os.fstat(file.fileno())
    return about.st_size if stat.S_ISREG(about.st_mode) and file.seekable() else None


def _opened(name: str) -> AbstractContextManager[BufferedReader]:
    return nullcontext(cast("BufferedReader", sys.stdin.buffer)) if name == "-" else Path(name).open("rb")


def _firebase_key(path: Path) -> FirebaseKey:
    """Raises OSError, UnicodeDecodeError or UnusableHashError."""
    found = dict(MEMBER.findall(path.read_text(encoding="utf-8")))
    try:
        return FirebaseKey(
            signer_key=found["base64_signer_key"],
            separator=found.get("base64_salt_separator", ""),
            rounds=int(found["rounds"]),
            mem_cost=int(found["mem_cost"]),
        )
    except (KeyError, ValueError) as error:
        raise UnusableHashError(
            "the file of --firebase-key lacks base64_signer_key, rounds or mem_cost as the console shows them"
        ) from error
