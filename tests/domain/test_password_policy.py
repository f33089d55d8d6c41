"""The rules for a new password, at their edges."""

import unicodedata

import pytest

from service.domain.passwords.policy import MAX_TYPED, broken_rules


def codes(password: str) -> list[str]:
    return [code for code, _ in broken_rules(password)]


@pytest.mark.parametrize(
    "password",
    [
        "SecurePass1!",
        "Abcde1!x",
        " Blank in 1 and at the End! ",
        "Λέξη-1-κλειδί",
        "ǅabcde1!",  # a titlecase letter opens it
        "Abcdefg²-",  # a number, though no digit
        "Abcdefg1🦉",
        "Abcdefg1\u20dd",  # a combining mark that composes with nothing is special
    ],
)
def test_a_password_that_keeps_every_rule_passes(password: str) -> None:
    assert broken_rules(password) == []


def test_every_broken_rule_is_named_at_once() -> None:
    assert codes("") == ["too_short", "no_uppercase", "no_lowercase", "no_number", "no_special"]
    assert codes("é" * 300) == ["too_long", "no_uppercase", "no_number", "no_special"]


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("abcdefg1!", "no_uppercase"),
        ("ABCDEFG1!", "no_lowercase"),
        ("Abcdefgh!", "no_number"),
        ("Abcdefgh1", "no_special"),
        ("Abcdefg1 ", "no_special"),  # a blank is none
        ("Abcdefg1\u3000", "no_special"),  # nor is any other kind of blank
        ("Abcdefg1\u200d", "no_special"),  # nor is what cannot be seen
        ("Abcdef1!\x00", "control_character"),
        ("Abcdef1!\t", "control_character"),
        ("Abcdef1!\x85", "control_character"),
        ("Abcdef1!\ud800", "control_character"),
    ],
)
def test_each_rule_is_named_by_its_own_code(password: str, code: str) -> None:
    assert codes(password) == [code]


def test_seven_characters_are_too_few_and_eight_are_enough() -> None:
    assert codes("Abcde1!") == ["too_short"]
    assert codes("Abcdef1!") == []


def test_256_characters_are_allowed_and_257_are_not() -> None:
    assert codes("Aa1!" * 64) == []
    assert codes("Aa1!" * 64 + "x") == ["too_long"]
    assert codes("Aa1!" + "🦉" * 252) == []


def test_length_is_counted_after_composition() -> None:
    assert codes(unicodedata.normalize("NFD", "Äéîõ1!x")) == ["too_short"]
    assert codes(unicodedata.normalize("NFD", "Äa1!" + "\u1f82" * 252)) == []


def test_what_is_too_long_in_any_form_is_not_normalised_first() -> None:
    longest = unicodedata.normalize("NFD", "\u1f82" * 256)
    assert len(longest) == MAX_TYPED
    assert "too_long" not in codes(longest)
    assert "too_long" in codes(longest + "x")


def test_no_message_repeats_the_password() -> None:
    for password in ("q", "Qqqq\x00", "\ud800" * 300):
        assert not any(password in message for _, message in broken_rules(password) if len(password) > 1)
        assert all(message.isascii() for _, message in broken_rules(password))
