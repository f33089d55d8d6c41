"""The rules for personal names: at least one visible character, and no invisible one that its script does not need."""

import unicodedata

import idna

from service.broken_fields import FieldCode

MAX_LENGTH = 100
JOINERS = "\u200c\u200d"  # needed to spell Persian, Sinhala and Hindi
UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # control, format (bidi marks among them), surrogates, line separators
# Blank characters whose category is letter or symbol. The other default-ignorable characters of Unicode are marks or
# format characters, or not assigned yet.
BLANK = {
    *"\u115f\u1160\u3164\uffa0",  # Hangul fillers
    "\u2800",  # the Braille pattern without a dot
    "\U0001d159",  # the null notehead
    *"\U00013441\U00013442",  # the blanks between hieroglyphs
}
UNASSIGNED_IGNORABLE = (range(0x2060, 0x2070), range(0xFFF0, 0xFFF9), range(0xE0000, 0xE1000))


def broken_rule(name: str) -> tuple[FieldCode, str] | None:
    """The code and message of the first rule broken by `name`, which has no blanks around it."""
    if len(name) > MAX_LENGTH:
        return FieldCode.TOO_LONG, f"must have at most {MAX_LENGTH} characters"
    if any(unicodedata.category(one) in UNSEEN and not _joins(name, place) for place, one in enumerate(name)):
        return FieldCode.INVISIBLE_CHARACTER, "must hold no control or invisible characters"
    if not any(map(_shows, name)):
        return FieldCode.NO_VISIBLE_CHARACTER, "must have at least one visible character"
    return None


def _joins(name: str, place: int) -> bool:
    """Whether a joiner is where RFC 5892 (CONTEXTJ) allows one: after a virama, or between letters that join."""
    if name[place] not in JOINERS:
        return False
    try:
        return idna.valid_contextj(name, place)
    except ValueError:  # a neighbouring character has no Unicode name
        return False


def _shows(character: str) -> bool:
    """Unassigned characters count as visible: they may be letters of a newer Unicode than this Python's."""
    if character in BLANK or any(ord(character) in ignorable for ignorable in UNASSIGNED_IGNORABLE):
        return False
    category = unicodedata.category(character)
    return category[0] in "LNPS" or category in ("Cn", "Co")
