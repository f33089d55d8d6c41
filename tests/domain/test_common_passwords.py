"""What counts as a password that everybody tries first."""

import pytest

from service.domain.passwords.common import is_common


@pytest.mark.parametrize(
    "password",
    [
        "Password1!",
        "P@ssw0rd",
        "P@$$w0rd2024!",
        "Passw0rd!",
        "Welcome@123",
        "Qwerty123!",
        "Abcd1234!",
        "Summer2026!",
        "Letmein1!",
        "!Admin2025",
        "ILoveYou1!",
        "Testtest1!",
        "Changeme-1",
        "1qaz2WSX!",
        "Monkey!1",
        "\uff30assword1!",
    ],
)
def test_a_common_word_is_known_under_its_decoration(password: str) -> None:
    assert is_common(password)


@pytest.mark.parametrize(
    "password",
    [
        "SecurePass1!",
        "correct Horse battery 9 staple!",
        "xK9#mQ2$vL5p",
        "Passwords-are-hard-1",
        "12345678!",
        "Ünïcödé-1x",
    ],
)
def test_what_is_more_than_decoration_is_not_common(password: str) -> None:
    assert not is_common(password)


def test_the_person_s_own_name_is_a_common_word_for_them() -> None:
    assert is_common("Ada.Lovelace1!", "ada.lovelace")
    assert not is_common("Ada.Lovelace1!", "grace.hopper")
