"""Records of a file, one after the other, in bounded memory, each with the line that it begins in."""

import codecs
import csv
import json
from collections.abc import Iterator, Mapping
from io import BufferedReader
from typing import Any, Self

from service.domain.transfer.models import BrokenFileError, Record, RefusedRecordError

MOST_OF_A_RECORD = 1 << 20  # characters, of one account; a line's bytes
MOST_OF_A_MEMBER = 4 << 20  # characters of what is skipped: other members of a realm
CHUNK = 1 << 16
BLANKS = " \t\r\n"
Found = tuple[int, Record | RefusedRecordError]


def require_utf_8(file: BufferedReader) -> None:
    """Raises BrokenFileError for the form that some shells of Windows write into files."""
    if file.peek(2)[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        raise BrokenFileError(1, "it is UTF-16: write it in UTF-8")


def from_lines(file: BufferedReader) -> Iterator[Found]:
    """A JSON object a line."""
    decoder = _Decoder()
    for number, line in _lines(file):
        if isinstance(line, RefusedRecordError):
            yield number, line
        elif line.strip():
            yield number, decoder.record(line.decode("utf-8-sig" if number == 1 else "utf-8", "surrogateescape"))


def from_table(file: BufferedReader) -> Iterator[Found]:
    """CSV with a header. Raises BrokenFileError."""
    lines = _RowLines(file)
    rows = csv.reader(lines, strict=True)
    header: list[str] = []
    while True:
        first = lines.begin_row()
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raise BrokenFileError(first, f"no CSV: {error}") from error
        if row and not header:
            header = _header(first, row)
        elif len(row) == len(header):
            yield first, dict(zip(header, row, strict=True))
        elif row:
            yield first, RefusedRecordError("it has not as many fields as the header")


class _RowLines:
    """The lines of a table. A row may have several, which together are no longer than one may be."""

    def __init__(self, file: BufferedReader) -> None:
        self._lines = _lines(file)
        self._reached = 0
        self._length = 0  # of the row so far

    def begin_row(self) -> int:
        """The line that it begins in."""
        self._length = 0
        return self._reached + 1

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        self._reached, line = next(self._lines)
        if isinstance(line, RefusedRecordError):
            raise BrokenFileError(self._reached, str(line))
        self._length += len(line)
        if self._length > MOST_OF_A_RECORD:
            raise BrokenFileError(self._reached, "a row is longer than 1 MiB")
        return line.decode("utf-8-sig" if self._reached == 1 else "utf-8", "surrogateescape")


def _header(line: int, row: list[str]) -> list[str]:
    if len(set(row)) < len(row):
        raise BrokenFileError(line, "a column is there twice")
    return row


def from_document(file: BufferedReader, member: str = "") -> Iterator[Found]:
    """The elements of the array that is the document, or this member of it. Raises BrokenFileError."""
    text = _Text(file)
    if member:
        text.expect("{")
        while True:
            name = text.value(MOST_OF_A_RECORD)
            text.expect(":")
            if isinstance(name, str) and name.lower() == member:
                break
            text.value(MOST_OF_A_MEMBER)
            if text.next() != ",":
                raise BrokenFileError(text.line, f"it has no {member}")
    text.expect("[")
    if text.peek() == "]":
        return
    while True:
        text.peek()
        line, found = text.line, text.value(MOST_OF_A_RECORD)
        yield line, text.decoder.judged(found)
        if (after := text.next()) == "]":
            return
        if after != ",":
            raise BrokenFileError(text.line, "it is no JSON")


def _lines(file: BufferedReader) -> Iterator[tuple[int, bytes | RefusedRecordError]]:
    number = 0
    while line := file.readline(MOST_OF_A_RECORD + 1):
        number += 1
        if len(line) > MOST_OF_A_RECORD and not line.endswith(b"\n"):
            while (rest := file.readline(MOST_OF_A_RECORD)) and not rest.endswith(b"\n"):
                pass
            yield number, RefusedRecordError("the line is longer than 1 MiB")
        else:
            yield number, line


class _Decoder:
    """Of JSON in which no object has two members of one name: which of them counts is anybody's guess."""

    def __init__(self) -> None:
        self._has_twins = False
        self._json = json.JSONDecoder(object_pairs_hook=self._made)

    def record(self, text: str) -> Record | RefusedRecordError:
        try:
            self._has_twins = False
            return self.judged(self._json.decode(text))
        except (ValueError, RecursionError):
            return RefusedRecordError("it is no JSON, or cut off")

    def first(self, text: str, place: int) -> tuple[Any, int]:
        """A value and its end. Raises ValueError or RecursionError."""
        self._has_twins = False
        return self._json.raw_decode(text, place)

    def judged(self, found: object) -> Record | RefusedRecordError:
        """What was decoded last."""
        if not isinstance(found, Mapping):
            return RefusedRecordError("it is no JSON object")
        return RefusedRecordError("a member is there twice") if self._has_twins else found

    def _made(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        made = dict(pairs)
        self._has_twins = self._has_twins or len(made) < len(pairs)
        return made


class _Text:
    """The part of a JSON document that is not read yet."""

    def __init__(self, file: BufferedReader) -> None:
        self.line = 1
        self._file = file
        self.decoder = _Decoder()
        self._bytes = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
        self._held = ""
        self._place = 0
        self._is_over = False

    def peek(self) -> str:
        """The next character that is no blank; empty at the end."""
        while True:
            while self._place < len(self._held) and self._held[self._place] in BLANKS:
                self._pass(self._place + 1)
            if self._place < len(self._held) or not self._more():
                return self._held[self._place : self._place + 1]

    def next(self) -> str:
        found = self.peek()
        self._pass(self._place + len(found))
        return found

    def expect(self, character: str) -> None:
        if self.next() != character:
            raise BrokenFileError(self.line, f"it is no JSON of the kind that was expected: {character} is missing")

    def value(self, most: int) -> Any:  # noqa: ANN401 - JSON is anything
        self.peek()
        while True:
            try:
                found, end = self.decoder.first(self._held, self._place)
            except (ValueError, RecursionError) as error:
                if len(self._held) - self._place > most or isinstance(error, RecursionError) or not self._more():
                    raise BrokenFileError(self.line, "it is no JSON, too long, or cut off") from error
                continue
            if end < len(self._held) or not self._more():  # a number may go on
                self._pass(end)
                return found

    def _pass(self, end: int) -> None:
        self.line += self._held.count("\n", self._place, end)
        self._place = end

    def _more(self) -> bool:
        """Twice as much of a value that did not end yet, so that a long one is not looked at too often."""
        read = self._file.read(max(CHUNK, len(self._held) - self._place))
        self._held = self._held[self._place :] + self._bytes.decode(read, final=not read)
        self._place = 0
        return bool(read)
