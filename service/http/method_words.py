"""Method words that the parser does not know: the application is to say which methods a path allows."""

import re

# CONNECT is left out: with a path for its target the parser would not say which one.
KNOWN_METHODS = (b"GET ", b"POST ", b"HEAD ", b"OPTIONS ", b"PUT ", b"PATCH ", b"DELETE ", b"TRACE ")
WORD = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}"
METHOD_WORD = re.compile(WORD + rb"(?= /)")
UNFINISHED = re.compile(WORD + rb" ?")
NOBODYS_METHOD = b"UNLINK"  # the parser knows it and no route has it


def may_go_on(head: bytes) -> bool:
    """Whether too little has come to tell a method word."""
    return UNFINISHED.fullmatch(head) is not None


def replaced(head: bytes) -> bytes:
    """The beginning of a head with a method word that the parser knows."""
    word = METHOD_WORD.match(head)
    return NOBODYS_METHOD + head[word.end() :] if word and not head.startswith(KNOWN_METHODS) else head
