"""Members of a record, by their types."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from service.domain.transfer.models import Record, RefusedRecordError

NIL = UUID(int=0)  # of nobody: pages over all accounts begin behind it
MILLISECONDS = 10**11  # a number of seconds this large would be thousands of years off


def text(record: Record, *names: str) -> str:
    """The first of these members that is there, or an empty text."""
    for name in names:
        found = record.get(name)
        if isinstance(found, str):
            return found.strip()
        if found is not None:
            raise RefusedRecordError(f"{name} is no text")
    return ""


def flag(record: Record, name: str, *, otherwise: bool = False) -> bool:
    """JSON's true and false, or what tables write for them."""
    match record.get(name):
        case bool(found):
            return found
        case None | "":
            return otherwise
        case str(found) if found.lower() in ("true", "t", "1"):
            return True
        case str(found) if found.lower() in ("false", "f", "0"):
            return False
        case _:
            raise RefusedRecordError(f"{name} is neither true nor false")


def time(record: Record, *names: str) -> datetime | None:
    """ISO 8601, or a number of seconds or milliseconds, as a text too."""
    for name in names:
        found = record.get(name)
        if found in (None, ""):
            continue
        try:
            if isinstance(found, str) and not found.isdecimal():
                read = datetime.fromisoformat(found)
                return read if read.tzinfo else read.replace(tzinfo=UTC)
            if isinstance(found, bool) or not isinstance(found, str | int | float):
                raise ValueError("no time")  # noqa: TRY004, TRY301 - as others below
            seconds = float(found)
            return datetime.fromtimestamp(seconds / 1000 if seconds > MILLISECONDS else seconds, UTC)
        except (ValueError, OverflowError, OSError) as error:
            raise RefusedRecordError(f"{name} is no time") from error
    return None


def uuid(record: Record, name: str) -> UUID | None:
    """None for an id of another kind: such an account gets a new one."""
    found = record.get(name)
    try:
        read = UUID(found) if isinstance(found, str) else NIL
    except ValueError:
        return None
    return None if read == NIL else read


def texts(record: Record, name: str) -> tuple[str, ...]:
    found = record.get(name)
    if found is None:
        return ()
    if isinstance(found, str) or not isinstance(found, Sequence) or not all(isinstance(one, str) for one in found):
        raise RefusedRecordError(f"{name} is no list of texts")
    return tuple(found)


def pairs(record: Record, name: str) -> dict[str, str]:
    found = record.get(name)
    if found is None:
        return {}
    if not isinstance(found, Mapping) or not all(isinstance(value, str) for value in found.values()):
        raise RefusedRecordError(f"{name} is no object of texts")
    return dict(found)


def members(record: Record, name: str) -> Sequence[Record]:
    """A list of objects."""
    found = record.get(name)
    if found is None:
        return ()
    if isinstance(found, str) or not isinstance(found, Sequence) or not all(isinstance(one, Mapping) for one in found):
        raise RefusedRecordError(f"{name} is no list of objects")
    return found


def member(record: Record, name: str) -> Record:
    """An object, or the JSON of one in a field of a table."""
    found = record.get(name)
    if isinstance(found, str) and found:
        try:
            found = json.loads(found)
        except (ValueError, RecursionError) as error:
            raise RefusedRecordError(f"{name} is no JSON") from error
    if not found:
        return {}
    if not isinstance(found, Mapping):
        raise RefusedRecordError(f"{name} is no object")
    return found


def names_of(full: str) -> tuple[str, str]:
    """First and last name of a system that keeps one: the last word is the last name."""
    first, _, last = full.strip().rpartition(" ")
    return (first, last) if first else (last, "")
