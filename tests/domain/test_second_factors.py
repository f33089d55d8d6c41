"""The codes themselves: their shapes, their times, and what they are bound to."""

from uuid import UUID

import pyotp
import pytest

from service.domain.seals import Purpose, Seals
from service.domain.second_factors.recovery_codes import ALPHABET, RecoveryCodes
from service.domain.second_factors.totp import Totp
from service.operator_errors import DamagedDataError
from tests.support.builders import SECRET, FakeAmbient

ADA, EVE = UUID(int=1), UUID(int=2)
OLD = SECRET[::-1]


def recovery_codes(ambient: FakeAmbient, *secrets: str) -> RecoveryCodes:
    return RecoveryCodes(Seals(secrets or [SECRET], ambient), ambient)


def totp(ambient: FakeAmbient) -> Totp:
    return Totp(Seals([SECRET], ambient), ambient, "https://auth.example.com:8443/x")


@pytest.mark.parametrize(
    "typed",
    ["01AB-01CD-01EF-01GH", "01ab01cd01ef01gh", "OIAB-olcd-0LEF-oigh", "0-1-A-B01CD-01EF01GH-", "OLABOICDOLEFOIGH"],
)
def test_a_recovery_code_is_the_same_however_it_is_typed(ambient: FakeAmbient, typed: str) -> None:
    codes = recovery_codes(ambient)
    assert codes.digests(ADA, typed) == codes.digests(ADA, "01AB-01CD-01EF-01GH")


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "-",
        "01AB-01CD-01EF-01G",
        "01AB-01CD-01EF-01GHJ",
        "U1AB-01CD-01EF-01GH",  # no letter of the alphabet
        "01AB 01CD 01EF 01GH",
        "\u0130" * 16,
        "\uff10" * 16,
        "\u017f" * 16,  # which is an S in upper case
        "\u0131" * 16,  # which is an I in upper case
        "01AB-01CD-01EF-01G\u0048\u0301",
        "0" * 100_000,
    ],
)
def test_what_has_another_shape_is_no_recovery_code(ambient: FakeAmbient, typed: str) -> None:
    assert recovery_codes(ambient).digests(ADA, typed) == []


def test_recovery_codes_have_80_random_bits_and_their_digests_are_of_one_user(ambient: FakeAmbient) -> None:
    made = recovery_codes(ambient)
    codes, digests = made.make(ADA)
    assert [made.digests(ADA, code)[0] for code in codes] == digests
    assert not {made.digests(EVE, code)[0] for code in codes} & set(digests)
    many = "".join("".join(made.make(ADA)[0]) for _ in range(50)).replace("-", "")
    assert set(many) == set(ALPHABET)
    assert len(many) == 50 * 10 * 16


def test_the_highest_and_the_lowest_code_have_all_their_characters(ambient: FakeAmbient) -> None:
    class Dice(FakeAmbient):
        sides = b"\x00"

        def random_bytes(self, count: int) -> bytes:
            return self.sides * count

    dice = Dice()
    assert recovery_codes(dice).make(ADA)[0][0] == "0000-0000-0000-0000"
    dice.sides = b"\xff"
    assert recovery_codes(dice).make(ADA)[0][0] == "ZZZZ-ZZZZ-ZZZZ-ZZZZ"


def test_a_code_of_an_earlier_secret_is_known_while_that_one_is_set(ambient: FakeAmbient) -> None:
    (code, *_), (digest, *_) = recovery_codes(ambient, OLD).make(ADA)
    assert digest in recovery_codes(ambient, SECRET, OLD).digests(ADA, code)
    assert digest not in recovery_codes(ambient, SECRET).digests(ADA, code)


# --- TOTP


def test_the_codes_are_those_of_rfc_6238(ambient: FakeAmbient) -> None:
    """Appendix B, SHA-1: the last six of its eight digits."""
    one = totp(ambient)
    sealed = one.seals.seal(Purpose.TOTP_SEAL, b"12345678901234567890", str(ADA))
    for seconds, code in ((59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")):
        clock = FakeAmbient(ambient.now().fromtimestamp(seconds, ambient.now().tzinfo))
        assert Totp(one.seals, clock, "x").step_of(ADA, sealed, code) == seconds // 30


def test_a_secret_is_160_bits_and_opens_for_its_user_alone(ambient: FakeAmbient) -> None:
    secret, sealed = totp(ambient).make(ADA)
    assert len(pyotp.TOTP(secret).byte_secret()) == 20
    code = pyotp.TOTP(secret).at(ambient.now())
    assert totp(ambient).step_of(ADA, sealed, code) == int(ambient.now().timestamp()) // 30
    with pytest.raises(DamagedDataError):
        totp(ambient).step_of(EVE, sealed, code)


def test_a_code_counts_from_the_beginning_of_its_step(ambient: FakeAmbient) -> None:
    secret, sealed = totp(ambient).make(ADA)
    first = int(ambient.now().timestamp()) // 30
    code = pyotp.TOTP(secret).generate_otp(first + 1)
    assert totp(ambient).step_of(ADA, sealed, code) == first + 1
    ambient.advance(seconds=89)
    assert totp(ambient).step_of(ADA, sealed, code) == first + 1
    ambient.advance(seconds=1)
    assert totp(ambient).step_of(ADA, sealed, code) is None


def test_a_code_that_is_right_for_two_steps_is_used_up_for_both(
    ambient: FakeAmbient, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, sealed = totp(ambient).make(ADA)
    monkeypatch.setattr(pyotp.TOTP, "generate_otp", lambda *_: "123456")
    assert totp(ambient).step_of(ADA, sealed, "123456") == int(ambient.now().timestamp()) // 30 + 1


def test_the_app_shows_the_host_of_the_issuer(ambient: FakeAmbient) -> None:
    uri = totp(ambient).uri("JBSWY3DPEHPK3PXP" * 2, "ada+1@example.com")
    parsed = pyotp.parse_uri(uri)
    assert (parsed.issuer, parsed.name) == ("auth.example.com", "ada+1@example.com")
