"""The compiled engine computes bcrypt, for any number of threads, and leaves nothing behind."""

import re
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from time import thread_time

import bcrypt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from passlib.utils.binary import bcrypt64

from service.domain.passwords import lanes
from service.domain.passwords.lanes import IS_BUILT, Lanes, lanes_for
from service.operator_errors import ConfigurationError
from tests.conftest import ROOT
from tests.native.comparison import THREADS, compare_for
from tests.support.lanes import needs_lanes

PASSWORD, SALT = b"p" * 44, b"s" * 16
# Of OpenBSD's and Openwall's implementations, as they were published.
VECTORS = [
    (b"a", "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe"),
    (b"abc", "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"),
    (b"abcdefghijklmnopqrstuvwxyz", "$2a$06$.rCVZVOThsIa97pEDOxvGuRRgzG64bvtJ0938xuqzv18d3ZpQhstC"),
    (b"~!@#$%^&*()      ~!@#$%^&*()PNBFRD", "$2a$06$fPIsBO8qRqkjj273rfaOI.HtSV9jLDpTbZn782DC6/t7qT67P6FfO"),
    (b"U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    (b"U*U*", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"),
    (b"U*U*U", "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"),
    (
        b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
        "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui",
    ),
    (b"\xa3", "$2a$05$/OK.fbVrR/bpIqNJ5ianF.Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq"),
    (b"\xff\xff\xa3", "$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e"),
]


def at_once(calls: Sequence[Callable[[], object]]) -> float:
    """Run each in a thread of its own. The processor time that they took together, in seconds."""
    spent: list[float] = []

    def run(call: Callable[[], object]) -> None:
        call()
        spent.append(thread_time())

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(spent)


# --- what it computes


@needs_lanes
@pytest.mark.parametrize(("password", "known"), VECTORS)
def test_it_agrees_with_what_was_published(password: bytes, known: str) -> None:
    assert Lanes(1).digest(password, known[7:29], int(known[4:6])) == known[29:]


@needs_lanes
@settings(max_examples=150, deadline=None)
@given(
    password=st.binary(max_size=72),
    salt=st.binary(min_size=16, max_size=16),
    cost=st.integers(4, 8),
    identifier=st.sampled_from([b"2a", b"2b", b"2y"]),
)
def test_it_agrees_with_the_bcrypt_package(password: bytes, salt: bytes, cost: int, identifier: bytes) -> None:
    text = bcrypt64.encode_bytes(salt)
    assert Lanes(1).digest(password, text.decode(), cost).encode() == bcrypt.hashpw(
        password, b"$%s$%02d$%s" % (identifier, cost, text)
    ).removeprefix(b"$%s$%02d$%s" % (identifier, cost, text))


@needs_lanes
def test_many_threads_with_mixed_costs_get_the_digests_of_the_package() -> None:
    comparison = compare_for(2.0, seed=1)
    assert not comparison.wrong
    assert comparison.compared >= THREADS
    assert comparison.pool.jobs() == (0, 0)


def test_blowfish_begins_with_the_fraction_of_pi() -> None:
    text = (ROOT / "service" / "native" / "blowfish_pi.h").read_text()
    words = [int(word, 16) for word in re.findall(r"0x([0-9a-f]{8}),", text)]
    bits = 32 * len(words) + 64  # more than are compared, for the roundings

    def arctan_of_inverse(number: int) -> int:
        total, power, divisor = 0, (1 << bits) // number, 1
        while power:
            total += power // divisor if divisor % 4 == 1 else -(power // divisor)
            power, divisor = power // number**2, divisor + 2
        return total

    fraction = 4 * (4 * arctan_of_inverse(5) - arctan_of_inverse(239)) - (3 << bits)  # John Machin's formula
    assert len(words) == 18 + 4 * 256
    assert words == [fraction >> (bits - 32 * place) & 0xFFFFFFFF for place in range(1, len(words) + 1)]


@needs_lanes
@pytest.mark.parametrize(
    ("password", "salt", "cost"), [(b"p" * 73, SALT, 4), (b"p", b"s" * 15, 4), (b"p", SALT, 3), (b"p", SALT, 32)]
)
def test_what_bcrypt_does_not_know_is_refused(password: bytes, salt: bytes, cost: int) -> None:
    with pytest.raises(ValueError, match="at most 72 bytes"):
        Lanes(1).pool.digest(password, salt, cost)


@needs_lanes
@pytest.mark.parametrize("cores", [0, -1])
def test_a_pool_has_a_core(cores: int) -> None:
    with pytest.raises(ValueError, match="core"):
        Lanes(cores)


# --- how it shares the cores


@needs_lanes
def test_callers_at_once_cost_a_fraction_of_callers_in_turn_also_after_a_storm() -> None:
    """By processor time, which says little about how busy the machine is: 0.35 is usual.

    A hand-over that goes wrong leaves every digest right and a core with one lane in use.
    """
    pool = Lanes(2).pool

    def some(number: int) -> None:
        for turn in range(20):
            pool.digest(PASSWORD, SALT, 4 + (number + turn) % 5)

    at_once([lambda number=number: some(number) for number in range(13)])  # type: ignore[misc] # mypy cannot infer it
    assert pool.jobs() == (0, 0)
    alone = min(at_once([lambda: pool.digest(PASSWORD, SALT, 10)]) for _ in range(3))
    together = min(at_once([lambda: pool.digest(PASSWORD, SALT, 10)] * 8) / 8 for _ in range(3))
    assert together < 0.6 * alone
    assert pool.jobs() == (0, 0)


@needs_lanes
def test_a_short_digest_does_not_wait_for_a_long_one_beside_it() -> None:
    pool = Lanes(1).pool
    ended: list[int] = []

    def compute(cost: int) -> None:
        pool.digest(PASSWORD, SALT, cost)
        ended.append(cost)

    at_once([lambda cost=cost: compute(cost) for cost in (12, 4, 5, 6)])  # type: ignore[misc] # mypy cannot infer it
    assert ended[-1] == 12


@needs_lanes
def test_a_process_that_forks_in_the_middle_can_hash_in_both() -> None:
    script = """
import os, threading
from service.native._lanes import Pool
pool = Pool(1)
threads = [threading.Thread(target=pool.digest, args=(b"p", b"s" * 16, 10)) for _ in range(9)]
for thread in threads: thread.start()
while sum(pool.jobs()) < 9: pass
child = os.fork()
if not child:
    assert pool.jobs() == (0, 0), pool.jobs()
    os._exit(len(pool.digest(b"p", b"s" * 16, 4)))
for thread in threads: thread.join()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 23
assert pool.jobs() == (0, 0)
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], cwd=ROOT, check=True, timeout=60)


@needs_lanes
def test_a_module_loaded_twice_does_not_keep_a_process_from_forking() -> None:
    script = """
import os, service.native._lanes as first
from tests.native.comparison import load
again = load(first.__file__)
assert again.Pool(1).digest(b"p", b"s" * 16, 4) == first.Pool(1).digest(b"p", b"s" * 16, 4)
child = os.fork()
if not child: os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, timeout=60)


@needs_lanes
def test_an_interpreter_that_ends_does_not_wait_for_what_is_being_hashed() -> None:
    script = """
import threading
from service.native._lanes import Pool
pool = Pool(1)
for _ in range(9): threading.Thread(target=pool.digest, args=(b"p", b"s" * 16, 24), daemon=True).start()
while sum(pool.jobs()) < 9: pass
"""
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, timeout=60)


# --- whether it is used


@pytest.mark.skipif(IS_BUILT, reason="it was built")
def test_without_a_compiler_the_package_computes() -> None:
    assert lanes_for("auto", 1) is None


def test_lanes_that_were_not_built_are_used_only_if_nobody_insists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "IS_BUILT", False)
    assert lanes_for("auto", 1) is None
    assert lanes_for("wheel", 1) is None
    with pytest.raises(ConfigurationError, match=r"^passwords\.engine is lanes, but .* was not built.* auto$"):
        lanes_for("lanes", 1)


@needs_lanes
def test_lanes_that_compute_something_else_than_the_package_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lanes_for("auto", 1) is not None
    assert lanes_for("wheel", 1) is None
    monkeypatch.setattr(Lanes, "digest", lambda *_: "." * 31)
    assert lanes_for("auto", 1) is None
    with pytest.raises(ConfigurationError, match="report this"):
        lanes_for("lanes", 1)
