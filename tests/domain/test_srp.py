"""SRP's numbers, against a client that is not ours; the state that a client carries; the times that it signs."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.ambient import Ambient
from service.domain.seals import Seals
from service.domain.srp import arithmetic, group
from service.domain.srp.blocks import Exchange, SecretBlocks, decoded
from service.domain.srp.group import MODULUS, power
from service.domain.srp.timestamps import time_of
from tests.support.builders import NOON, PASSWORD, SECRET, FakeAmbient
from tests.support.srp import SrpClient, changed

NAME = "tokenhouse"
AMBIENT = Ambient()
DICE = range(40)  # a tenth of all numbers needs a byte of padding, or an odd number of digits


@pytest.fixture(params=["gmpy2", "python"])
def arithmetic_of(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With the library, and without it."""
    if request.param == "python":
        monkeypatch.setattr(group, "_library", lambda: None)
    else:
        assert group.is_installed()
    return str(request.param)


def test_the_group_is_that_of_rfc_5054() -> None:
    """A safe prime of 3072 bits, whose middle are the digits of pi, and its generator."""
    assert MODULUS.bit_length() == 3072
    assert f"{MODULUS:X}".startswith("F" * 16 + "C90FDAA22168C234C4C6628B80DC1CD1")
    assert f"{MODULUS:X}".endswith("E4B82D120A93AD2CA" + "F" * 16)
    for prime in (MODULUS, MODULUS // 2):
        assert pow(3, prime - 1, prime) == 1
    assert power(group.GENERATOR, MODULUS // 2) == 1


@pytest.mark.parametrize("password", [PASSWORD, "Pässwörd1!", "日本語Aa1!🔑", "with blanks A1! "])
def test_both_sides_find_the_same_key(arithmetic_of: str, password: str) -> None:
    for _ in DICE:
        user_id, salt = AMBIENT.new_uuid(), bytes([0x40]) + AMBIENT.random_bytes(15)
        client = SrpClient(str(user_id), password, NOON)
        value, secret = int(client.client_value, 16), int.from_bytes(AMBIENT.random_bytes(32), "big")
        verifier = int.from_bytes(arithmetic.verifier_of(NAME, user_id, password, salt), "big")
        server_value = arithmetic.public_value(verifier, secret)
        key = arithmetic.session_key(value, verifier, arithmetic.scrambler(value, server_value), secret)
        block = AMBIENT.random_bytes(100)
        said = client.answer(
            {
                "USERNAME": str(user_id),
                "USER_ID_FOR_SRP": str(user_id),
                "SALT": salt.hex(),
                "SRP_B": f"{server_value:x}",
                "SECRET_BLOCK": base64.b64encode(block).decode(),
            }
        )
        expected = arithmetic.signature(key, NAME, user_id, block, said["TIMESTAMP"])
        assert base64.b64decode(said["PASSWORD_CLAIM_SIGNATURE"]) == expected


def test_both_ways_to_compute_a_power_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [(int.from_bytes(AMBIENT.random_bytes(384), "big"), power(2, n + 1)) for n in DICE]
    fast = [power(base, exponent) for base, exponent in pairs]
    monkeypatch.setattr(group, "_library", lambda: None)
    assert fast == [power(base, exponent) for base, exponent in pairs]


@pytest.mark.parametrize(("number", "form"), [(0, "00"), (1, "01"), (0x7F, "7f"), (0x80, "0080"), (0x1FF, "01ff")])
def test_a_number_whose_first_bit_is_set_is_padded(number: int, form: str) -> None:
    assert arithmetic.padded(number).hex() == form


# --- the block


class Used:
    def __init__(self) -> None:
        self.lifetimes: dict[str, timedelta] = {}

    async def add(self, digest: str, lifetime: timedelta) -> bool:
        return digest not in self.lifetimes and not self.lifetimes.update({digest: lifetime})


def blocks(ambient: FakeAmbient, secret: str = SECRET) -> SecretBlocks:
    return SecretBlocks(seals=Seals([secret], ambient), used=Used(), ambient=ambient, lifetime=timedelta(minutes=3))


def exchange(ambient: FakeAmbient, **fields: Any) -> Exchange:
    made: dict[str, Any] = {
        "user_id": ambient.new_uuid(),
        "account": "ada@example.com",
        "client_id": "",
        "began_at": ambient.now(),
        "secret": 7,
        "mixed": 2**255,
        "client_value": MODULUS - 2,
    }
    return Exchange(**(made | fields))


@pytest.mark.parametrize("account", ["ada@example.com", " no address\n\0 ", "ä" * 254, ""])
def test_a_block_carries_the_exchange(account: str) -> None:
    ambient = FakeAmbient()
    told = exchange(ambient, account=account, client_id="web")
    assert blocks(ambient).open(blocks(ambient).seal(told)) == told


def test_every_account_s_block_is_as_long() -> None:
    ambient = FakeAmbient()
    addresses = ("a@b.cd", "a" * 242 + "@example.com", str(ambient.new_uuid()))
    assert len({len(blocks(ambient).seal(exchange(ambient, account=one))) for one in addresses}) == 1


def test_a_block_shows_nothing_of_what_is_in_it() -> None:
    ambient = FakeAmbient()
    told = exchange(ambient, secret=int.from_bytes(b"S" * 32, "big"))
    sealed = blocks(ambient).seal(told)
    assert sealed != blocks(ambient).seal(told)
    assert not [one for one in (b"S" * 32, told.user_id.bytes, b"ada@example.com") if one in sealed]


def test_a_changed_or_foreign_block_does_not_open() -> None:
    ambient = FakeAmbient()
    sealed = blocks(ambient).seal(exchange(ambient))
    text = base64.b64encode(sealed).decode()
    for place in (0, 3, 9, 30, 200, len(sealed) - 1):
        assert blocks(ambient).open(decoded(changed(text, place))) is None
    assert blocks(ambient, SECRET[::-1]).open(sealed) is None
    assert blocks(ambient).open(b"") is None
    assert blocks(ambient).open(sealed[:40]) is None


async def test_a_block_is_good_once_and_for_its_time() -> None:
    ambient = FakeAmbient()
    ours = blocks(ambient)
    told = exchange(ambient)
    sealed = ours.seal(told)
    ambient.advance(seconds=179)
    assert ours.is_fresh(told)
    assert await ours.use(sealed, told)
    assert not await ours.use(sealed, told)
    assert isinstance(ours.used, Used)
    (remembered,) = ours.used.lifetimes.values()
    ambient.advance(seconds=1)
    assert not ours.is_fresh(told)
    assert remembered > timedelta(seconds=1)  # it is forgotten after it would open


@pytest.mark.parametrize("text", ["%%%", "a", "====", "A" * 5000])
def test_what_is_no_base64_of_a_likely_length_is_nothing(text: str) -> None:
    assert decoded(text) == b""


# --- times


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("Mon Nov 3 09:05:07 UTC 2026", datetime(2026, 11, 3, 9, 5, 7, tzinfo=UTC)),
        ("Tue Nov 03 09:05:07 UTC 2026", datetime(2026, 11, 3, 9, 5, 7, tzinfo=UTC)),
        ("Thu Dec 31 23:59:59 UTC 2026", datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("Mon Feb 30 09:05:07 UTC 2026", None),
        ("Mon Nov 3 24:05:07 UTC 2026", None),
        ("Mon Nov 3 09:05:07 CET 2026", None),
        ("mon nov 3 09:05:07 UTC 2026", None),
        ("Mon Nov 3 09:05:07 UTC 2026\n", None),
        ("Mon Nov ٣ 09:05:07 UTC 2026", None),
        ("2026-11-03T09:05:07Z", None),
        ("", None),
    ],
)
def test_a_time_is_read_as_clients_write_it(text: str, time: datetime | None) -> None:
    assert time_of(text) == time
