"""The texts of the mails, for translators: `service/mail/locale/mails.pot`."""

import json
from collections.abc import Iterator

from jinja2.ext import babel_extract

from tests.conftest import ROOT

FILE = ROOT / "service" / "mail" / "locale" / "mails.pot"
TEMPLATES = ROOT / "service" / "mail" / "templates"
OPTIONS = {"trimmed": "true", "trim_blocks": "true", "lstrip_blocks": "true", "newstyle_gettext": "true"}
HEAD = """# The texts of Tokenhouse's mails. Written by `make pages`; docs/mail.md tells how to translate them.
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"""
Message = tuple[str, ...]  # the text; or the singular and the plural


def messages() -> dict[Message, list[str]]:
    """Each text, and the templates that have it."""
    found: dict[Message, list[str]] = {}
    for file in sorted(TEMPLATES.iterdir()):
        for message in _of(file.read_bytes().splitlines(keepends=True)):
            if file.name not in (places := found.setdefault(message, [])):
                places.append(file.name)
    return found


def _of(lines: list[bytes]) -> Iterator[Message]:
    class Lines:
        def read(self) -> bytes:
            return b"".join(lines)

    keywords = ("_", "gettext", "ngettext")
    for _, _, text, _ in babel_extract(Lines(), keywords, (), OPTIONS):  # type: ignore[arg-type] # as Babel hands it on
        yield (text,) if isinstance(text, str) else tuple(part for part in text or () if part)


def text() -> str:
    blocks = [HEAD]
    for message, places in messages().items():
        lines = [
            f"#: {' '.join(places)}",
            f"#, {'python-format' if any('%(' in part for part in message) else 'no-python-format'}",
        ]
        lines.append(f"msgid {_quoted(message[0])}")
        if len(message) > 1:
            lines += [f"msgid_plural {_quoted(message[1])}", 'msgstr[0] ""', 'msgstr[1] ""']
        else:
            lines.append('msgstr ""')
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
