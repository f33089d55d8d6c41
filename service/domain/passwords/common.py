"""Passwords that attackers try first (NIST SP 800-63B-4 section 3.1.1.2): refused if the settings say so.

The composition rules refuse the bare words. People decorate them with a capital in front, a letter or two spelt as a
digit, a year and an exclamation mark: the decoration is removed before the word is looked up.
"""

import unicodedata
from functools import cache
from importlib.resources import files

WORDS = "common_passwords.txt"  # the words in the passwords that all published rankings share, and rows of keys
_SPELT = str.maketrans({"@": "a", "4": "a", "3": "e", "1": "i", "!": "i", "0": "o", "$": "s", "5": "s", "7": "t"})


def is_common(password: str, *context: str) -> bool:
    """Whether the password is a decorated common word, or one of `context` (say, the user's own name)."""
    typed = unicodedata.normalize("NFKC", password).casefold()
    words = _known() | {word.casefold() for word in context if word}
    return any(form in words for form in (_bare(typed), _bare(typed.translate(_SPELT)), _bare(typed).translate(_SPELT)))


@cache
def _known() -> frozenset[str]:
    return frozenset((files(__package__) / WORDS).read_text(encoding="utf-8").split())


def _bare(text: str) -> str:
    """Without non-letters at either end; of two equal halves, one: `test` for `testtest1!`."""
    letters = [index for index, character in enumerate(text) if character.isalpha()]
    word = text[letters[0] : letters[-1] + 1] if letters else ""
    half = len(word) // 2
    return word[:half] if word[:half] == word[half:] else word
