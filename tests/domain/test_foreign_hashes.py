"""Hashes of other systems: as the real tools made them, hostile ones, and what a wrong password costs."""

import base64
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

import bcrypt
import pytest

from service.ambient import Ambient
from service.domain.foreign_hashes import schemes, spellings
from service.domain.foreign_hashes.phc import UnusableHashError
from service.domain.passwords.bcrypt_engine import BcryptEngine, Decoys
from service.domain.passwords.engine import Job, Match
from service.domain.passwords.foreign_engine import ForeignEngine
from service.domain.passwords.lanes import lanes_for
from service.settings import PasswordEngine
from tests.support import foreign_vectors as vectors
from tests.support.lanes import needs_lanes

ROUNDS = 6
SALT, DIGEST = "c2FsdHNhbHRzYWx0", base64.b64encode(bytes(32)).decode().rstrip("=")


class CountingOurs(BcryptEngine):
    def __init__(self, rounds: int = ROUNDS, engine: PasswordEngine = "wheel") -> None:
        super().__init__(rounds, Decoys(Ambient()), lanes_for(engine, 1))
        self.spent: list[int] = []

    def spend(self, rounds: int) -> None:
        self.spent.append(rounds)
        super().spend(rounds)


@pytest.fixture(params=["wheel", pytest.param("lanes", marks=needs_lanes)])
def ours(request: pytest.FixtureRequest) -> CountingOurs:
    return CountingOurs(engine=request.param)


def engine_of(ours: CountingOurs) -> ForeignEngine:
    """With nothing spent yet."""
    engine = ForeignEngine(ours)
    ours.spent.clear()
    return engine


def keycloak(algorithm: str, iterations: int, digest: bytes, salt: bytes, **further: list[str]) -> str:
    secret = {"value": base64.b64encode(digest).decode(), "salt": base64.b64encode(salt).decode()}
    about = {"hashIterations": iterations, "algorithm": algorithm, "additionalParameters": further}
    return spellings.of_keycloak(json.dumps(secret), json.dumps(about))


def pbkdf2(function: str, length: int) -> Callable[[], str]:
    name = "pbkdf2" if function == "sha1" else f"pbkdf2-{function}"
    digest = hashlib.pbkdf2_hmac(function, vectors.PASSWORD.encode(), b"0123456789abcdef", 2750, length)
    return lambda: keycloak(name, 2750, digest, b"0123456789abcdef")


def argon2_of_keycloak() -> str:
    _, _, _, _, salt, digest = vectors.ARGON2["argon2id"].split("$")
    raw_salt, raw_digest = (base64.b64decode(part + "==") for part in (salt, digest))
    further = {"hashLength": ["32"], "memory": ["1024"], "type": ["id"], "version": ["1.3"], "parallelism": ["2"]}
    return keycloak("argon2", 2, raw_digest, raw_salt, **further)


def bcrypt_of(kind: str) -> Callable[[], str]:
    made = bcrypt.hashpw(vectors.PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    return partial(spellings.checked, f"${kind}{made[3:]}")


STORED: dict[str, Callable[[], str]] = {
    **{f"django {name}": partial(spellings.of_django, text) for name, text in vectors.DJANGO.items()},
    **{f"argon2-cffi {name}": partial(spellings.checked, text) for name, text in vectors.ARGON2.items()},
    "keycloak pbkdf2": pbkdf2("sha1", 20),
    "keycloak pbkdf2-sha256": pbkdf2("sha256", 32),
    "keycloak pbkdf2-sha256 of older releases": pbkdf2("sha256", 64),
    "keycloak pbkdf2-sha512": pbkdf2("sha512", 64),
    "keycloak argon2": argon2_of_keycloak,
    **{f"bcrypt {kind}": bcrypt_of(kind) for kind in ("2a", "2b", "2y")},
}


@pytest.mark.parametrize("stored", STORED.values(), ids=STORED.keys())
def test_the_right_password_matches_and_its_hash_becomes_ours(ours: CountingOurs, stored: Callable[[], str]) -> None:
    engine = ForeignEngine(ours)
    match = engine.verify(Job(vectors.PASSWORD, stored()))
    assert match.same
    assert match.upgraded is not None
    assert match.upgraded.startswith("$bcrypt-sha256$v=2,t=2b,r=6$")
    assert engine.verify(Job(vectors.PASSWORD, match.upgraded)) == Match(same=True)
    assert not engine.verify(Job(vectors.PASSWORD + "x", match.upgraded)).same


@pytest.mark.parametrize("stored", STORED.values(), ids=STORED.keys())
def test_a_wrong_password_does_not_match(ours: CountingOurs, stored: Callable[[], str]) -> None:
    for wrong in (vectors.PASSWORD + "x", vectors.PASSWORD[:-1], "", "\ud800", vectors.PASSWORD + "\0"):
        assert ForeignEngine(ours).verify(Job(wrong, stored())) == Match(same=False)


@pytest.mark.parametrize("of", ["firebase", "gotrue", "gotrue for urls"])
def test_the_published_vector_of_firebase_matches(ours: CountingOurs, of: str) -> None:
    if of == "firebase":
        convert = spellings.of_firebase(vectors.FIREBASE_SIGNER_KEY, vectors.FIREBASE_SEPARATOR, 8, 14)
        stored = convert(vectors.FIREBASE_SALT, vectors.FIREBASE_HASH)
    elif of == "gotrue":
        stored = spellings.of_gotrue(vectors.GOTRUE_FIREBASE)
    else:
        convert = spellings.of_firebase(vectors.FIREBASE_SIGNER_KEY, vectors.FIREBASE_SEPARATOR, 8, 14)
        stored = convert(vectors.FIREBASE_SALT.replace("+", "-"), vectors.FIREBASE_HASH.replace("/", "_"))
    engine = ForeignEngine(ours)
    assert engine.verify(Job(vectors.FIREBASE_PASSWORD, stored)).upgraded is not None
    assert engine.verify(Job("user2password", stored)) == Match(same=False)


@pytest.mark.parametrize("stored", STORED.values(), ids=STORED.keys())
def test_what_is_stored_is_taken_again_as_it_is(stored: Callable[[], str]) -> None:
    taken = stored()
    assert spellings.checked(taken) == taken


@pytest.mark.parametrize("text", ["", "!m9rAXcjv3QeLluKoZpYDo6uaS71GeXmFKqSYxIrH"])
def test_an_account_of_django_without_a_password_has_none_here(text: str) -> None:
    assert spellings.of_django(text) == ""


def test_an_account_without_a_password_costs_a_decoy(ours: CountingOurs) -> None:
    assert engine_of(ours).verify(Job("", "")) == Match(same=False)
    assert ours.spent == [ROUNDS]


# --- hostile hashes

HOSTILE = {
    "bcrypt of cost 31": "$2b$31$" + "." * 53,
    "bcrypt of cost 16": "$2y$16$" + "." * 53,
    "bcrypt of cost 3": "$2b$03$" + "." * 53,
    "bcrypt 2x": "$2x$05$" + "." * 53,
    "django's bcrypt of cost 31": "$django-bcrypt-sha256$t=2b,r=31$" + "." * 22 + "$" + "." * 31,
    "ours of cost 31": "$bcrypt-sha256$v=2,t=2b,r=31$" + "." * 22 + "$" + "." * 31,
    "pbkdf2 of 10^9": f"$pbkdf2-sha256$i=1000000000${SALT}${DIGEST}",
    "pbkdf2 of none": f"$pbkdf2-sha256$i=0${SALT}${DIGEST}",
    "pbkdf2 of many blocks": f"$pbkdf2-sha256$i=1000000${SALT}${base64.b64encode(bytes(96)).decode()}",
    "pbkdf2 of a number that is no ASCII": f"$pbkdf2-sha256$i=١٢${SALT}${DIGEST}",
    "argon2 of 4 GB": f"$argon2id$v=19$m=4194304,t=1,p=1${SALT}${DIGEST}",
    "argon2 of many passes": f"$argon2id$v=19$m=65536,t=100,p=1${SALT}${DIGEST}",
    "argon2 of no passes": f"$argon2id$v=19$m=1024,t=0,p=1${SALT}${DIGEST}",
    "argon2 of many lanes": f"$argon2id$v=19$m=65536,t=1,p=1000${SALT}${DIGEST}",
    "argon2 of less memory than its lanes need": f"$argon2id$v=19$m=8,t=1,p=8${SALT}${DIGEST}",
    "argon2 of an unknown version": f"$argon2id$v=20$m=1024,t=1,p=1${SALT}${DIGEST}",
    "argon2 without a version": f"$argon2id$m=1024,t=1,p=1${SALT}${DIGEST}",
    "scrypt of n 2^40": f"$scrypt$ln=40,r=8,p=1${SALT}${DIGEST}",
    "scrypt of 512 MB": f"$scrypt$ln=17,r=32,p=1${SALT}${DIGEST}",
    "scrypt of p 2^20": f"$scrypt$ln=14,r=8,p=1048576${SALT}${DIGEST}",
    "scrypt of much work": f"$scrypt$ln=17,r=16,p=16${SALT}${DIGEST}",
    "firebase without a key": f"$firebase-scrypt$ln=14,r=8,p=1${SALT}${DIGEST}",
    "firebase with a short key": f"$firebase-scrypt$ln=14,r=8,p=1,sk=Bw${SALT}${DIGEST}",
    "a digest of one byte": f"$pbkdf2-sha256$i=1000${SALT}$Bw",
    "no salt": f"$pbkdf2-sha256$i=1000$${DIGEST}",
    "broken base 64": f"$pbkdf2-sha256$i=1000${SALT}A${DIGEST}A",
    "a parameter twice": f"$pbkdf2-sha256$i=1000,i=1000${SALT}${DIGEST}",
    "an unknown scheme": f"$md5$i=1000${SALT}${DIGEST}",
    "a megabyte": "$pbkdf2-sha256$i=1000$" + "A" * (1 << 20) + f"${DIGEST}",
    "NUL": f"$pbkdf2-sha256$i=1000${SALT}${DIGEST}\0",
    "plain text": "SecurePass1!",
    "MD5 of a unix": "$1$saltsalt$" + "." * 22,
}


@pytest.mark.parametrize("stored", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_hash_is_refused_at_import_and_costs_a_decoy_at_a_login(ours: CountingOurs, stored: str) -> None:
    with pytest.raises(UnusableHashError):
        spellings.checked(stored)
    assert engine_of(ours).verify(Job("SecurePass1!", stored)) == Match(same=False)
    assert ours.spent == [ROUNDS]


@pytest.mark.parametrize(
    "text",
    [
        f"pbkdf2_sha256$1000000000$salt${DIGEST}",
        f"scrypt$16383$saltsalt$8$1${DIGEST}",
        f"scrypt$0$saltsalt$8$1${DIGEST}",
        f"md5$salt${DIGEST}",
        "argon2$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHQ$" + DIGEST,
        "bcrypt$$2b$31$" + "." * 53,
        "bcrypt_sha256$$2b$31$" + "." * 53,
        "bcrypt_sha256$SecurePass1!",
        "SecurePass1!",
    ],
)
def test_django_s_hostile_hashes_are_refused(text: str) -> None:
    with pytest.raises(UnusableHashError) as refused:
        spellings.of_django(text)
    assert "SecurePass1!" not in str(refused.value)


@pytest.mark.parametrize(
    ("secret", "about"),
    [
        ("", "{}"),
        ("[]", "{}"),
        ("[" * 100_000, "{}"),
        ("{}", "{}"),
        ('{"salt": "AAAA", "value": "AAAA"}', '{"algorithm": "pbkdf2-sha256"}'),
        ('{"salt": "AAAA", "value": "AAAA"}', '{"algorithm": "pbkdf2-sha256", "hashIterations": true}'),
        ('{"salt": "AAAA", "value": "AAAA"}', '{"algorithm": "argon2", "hashIterations": 5}'),
        ('{"salt": "AAAA", "value": "AAAA"}', '{"algorithm": "argon2", "additionalParameters": {"type": []}}'),
        ('{"salt": 1, "value": []}', '{"algorithm": "md5"}'),
    ],
)
def test_keycloak_s_broken_credentials_are_refused(secret: str, about: str) -> None:
    with pytest.raises(UnusableHashError):
        spellings.of_keycloak(secret, about)


def test_the_dearest_hash_that_is_taken_needs_less_memory_than_a_command_may_have() -> None:
    """In a process of its own, whose peak is its own: getrusage would count that of the process that began it."""
    program = (
        "from service.domain.foreign_hashes import schemes\n"
        "found = schemes.parse('$scrypt$ln=17,r=16,p=1$c2FsdHNhbHRzYWx0$" + DIGEST + "')\n"
        "assert not schemes.is_right(found, 'SecurePass1!')\n"
        "print(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert int(done.stdout) < 350 << 10


def test_without_argon2_cffi_such_a_hash_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, ours: CountingOurs
) -> None:
    stored = vectors.ARGON2["argon2id"]
    monkeypatch.setattr(schemes, "hash_secret_raw", None)
    with pytest.raises(UnusableHashError, match="the extra import"):
        spellings.checked(stored)
    assert engine_of(ours).verify(Job(vectors.PASSWORD, stored)) == Match(same=False)
    assert ours.spent == [ROUNDS]


# --- what a wrong password costs, in hashes of ours


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.5, 0.77, 0.99])
def test_a_wrong_password_for_a_cheaper_hash_is_topped_up_to_the_price_of_ours(
    monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    ours = CountingOurs(10)
    engine = ForeignEngine(ours)
    engine._seconds_of_ours = 8.0
    ours.spent.clear()
    clock = iter([100.0, 100.0 + 8 * share])
    monkeypatch.setattr(time, "thread_time", lambda: next(clock))
    assert not engine.verify(Job("SecurePass2!", STORED["django pbkdf2_sha1"]())).same
    whole = share + sum(2.0 ** (rounds - 10) for rounds in ours.spent)
    assert 1 <= whole < 1 + 2.0 ** (4 - 10) + 1e-9


def test_a_dearer_hash_is_not_topped_up(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = CountingOurs()
    engine = ForeignEngine(ours)
    engine._seconds_of_ours = 1.0
    ours.spent.clear()
    clock = iter([100.0, 101.5])
    monkeypatch.setattr(time, "thread_time", lambda: next(clock))
    assert not engine.verify(Job("SecurePass2!", STORED["django pbkdf2_sha1"]())).same
    assert ours.spent == []


def test_django_s_bcrypt_is_topped_up_by_its_cost(ours: CountingOurs) -> None:
    stored = STORED["django bcrypt_sha256"]()
    assert not engine_of(ours).verify(Job("SecurePass2!", stored)).same
    assert 2**5 + sum(2**rounds for rounds in ours.spent) == 2**ROUNDS


def test_the_price_of_ours_is_measured_with_cheaper_hashes() -> None:
    ours = CountingOurs(10)
    before = time.thread_time()
    ours.spend(10)
    whole = time.thread_time() - before
    assert whole / 20 < ForeignEngine(ours)._seconds_of_ours < 20 * whole
    assert ours.spent == [10, 5, 5, 5]
