"""The language that a client asks for, which only mails follow."""

import re

from aiohttp import hdrs, web

PRIMARY = re.compile(r"[A-Za-z]{2,3}", re.ASCII)  # the primary subtag of a language tag (RFC 5646)


def language_of(request: web.Request) -> str:
    """The primary subtag of the first language in Accept-Language; empty without one."""
    first = request.headers.get(hdrs.ACCEPT_LANGUAGE, "").partition(",")[0].partition(";")[0].strip()
    primary = first.partition("-")[0]
    return primary.lower() if PRIMARY.fullmatch(primary) else ""
