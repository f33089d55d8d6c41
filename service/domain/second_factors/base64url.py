"""Bytes as WebAuthn writes them in JSON: base64url without padding (RFC 4648 section 5)."""

import base64
import re

SHAPE = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)


def encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def decoded(text: object) -> bytes:
    """Raises ValueError for anything but the one way to write these bytes."""
    if not isinstance(text, str) or not SHAPE.fullmatch(text):
        raise ValueError("no base64url")
    value = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if encoded(value) != text:
        raise ValueError("another way to write the same bytes")
    return value
