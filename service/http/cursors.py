"""Where the next page begins, as an opaque text. What was not written here is refused (ValueError)."""

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from uuid import UUID

from service.domain.events.audit_trail import Place

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TRAIL = re.compile(r"(\d{1,18})-([0-9a-f]{32})", re.ASCII)


class EmailCursor:
    @staticmethod
    def write(canonical_email: str) -> str:
        return urlsafe_b64encode(canonical_email.encode()).decode()

    @staticmethod
    def read(text: str) -> str:
        try:
            found = urlsafe_b64decode(text.encode("ascii")).decode("ascii")
        except binascii.Error:
            raise ValueError(text) from None
        if EmailCursor.write(found) != text or not found.isprintable():
            raise ValueError(text)
        return found


class TrailCursor:
    """In microseconds, as Postgres keeps time."""

    @staticmethod
    def write(place: Place) -> str:
        return f"{(place.at - EPOCH) // timedelta(microseconds=1)}-{place.id.hex}"

    @staticmethod
    def read(text: object) -> Place:
        if isinstance(text, Place):
            return text
        match = TRAIL.fullmatch(str(text))
        if match is None:
            raise ValueError(text)
        try:
            return Place(EPOCH + timedelta(microseconds=int(match[1])), UUID(match[2]))
        except OverflowError:
            raise ValueError(text) from None
