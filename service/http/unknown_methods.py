"""Replaces methods that the parser does not know, so that the application can respond with the allowed ones."""

import re

# CONNECT is left out: with a path as its target, the parser would not report that path.
KNOWN_METHODS = (b"GET ", b"POST ", b"HEAD ", b"OPTIONS ", b"PUT ", b"PATCH ", b"DELETE ", b"TRACE ")
WORD = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}"
METHOD_WORD = re.compile(WORD + rb"(?= /)")
UNFINISHED = re.compile(WORD + rb" ?")
NOBODYS_METHOD = b"UNLINK"  # the parser knows it and no route has it


def may_go_on(head: bytes) -> bool:
    """Whether the method word may continue in bytes not received yet."""
    return UNFINISHED.fullmatch(head) is not None


def replaced(head: bytes) -> bytes:
    """The start of a head, with an unknown method word replaced by one that the parser knows."""
    word = METHOD_WORD.match(head)
    return NOBODYS_METHOD + head[word.end() :] if word and not head.startswith(KNOWN_METHODS) else head
