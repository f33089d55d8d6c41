"""How other systems spell their hashes. What is returned may be stored: a PHC string, or bcrypt's own form."""

import json
import re
from collections.abc import Callable, Mapping

from service.domain.foreign_hashes import schemes
from service.domain.foreign_hashes.phc import PhcHash, UnusableHashError, of_base64

BCRYPT = re.compile(r"\$(2[aby])\$(\d\d)\$([./A-Za-z0-9]{22})([./A-Za-z0-9]{31})", re.ASCII)
OURS = re.compile(r"\$bcrypt-sha256\$v=2,t=2b,r=(\d{1,2})\$[./A-Za-z0-9]{22}\$[./A-Za-z0-9]{31}", re.ASCII)
# Django's: the salt and digest are of bcrypt, computed over the password's SHA-256 in hexadecimal.
HEX_SHA256_BCRYPT = re.compile(
    r"\$django-bcrypt-sha256\$t=(2[aby]),r=(\d{1,2})\$([./A-Za-z0-9]{22})\$([./A-Za-z0-9]{31})", re.ASCII
)
BCRYPT_ROUNDS = range(4, 16)  # at 31 it would hold a core for days
DJANGO_PBKDF2 = re.compile(r"pbkdf2_(sha1|sha256)\$(\d{1,12})\$([^$]*)\$([A-Za-z0-9+/=]+)", re.ASCII)
DJANGO_SCRYPT = re.compile(r"scrypt\$(\d{1,12})\$([^$]*)\$(\d{1,12})\$(\d{1,12})\$([A-Za-z0-9+/=]+)", re.ASCII)
GOTRUE_FIREBASE = re.compile(
    r"\$fbscrypt\$v=1,n=(\d{1,3}),r=(\d{1,3}),p=(\d{1,3})(?:,ss=([A-Za-z0-9+/=]*))?,sk=([A-Za-z0-9+/=]+)"
    r"\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)",
    re.ASCII,
)
KEYCLOAK_PBKDF2 = {"pbkdf2": "sha1", "pbkdf2-sha256": "sha256", "pbkdf2-sha512": "sha512"}


def checked(stored: str) -> str:
    """As it may be stored: a PHC string, or bcrypt in a form of its own. Raises UnusableHashError."""
    if found := BCRYPT.fullmatch(stored):
        _require_rounds(found[2])
        return stored
    if found := OURS.fullmatch(stored):
        _require_rounds(found[1])
        return stored
    if found := HEX_SHA256_BCRYPT.fullmatch(stored):
        _require_rounds(found[2])
        return stored
    return str(schemes.parse(stored))


def of_django(text: str) -> str:
    """Empty for an account without a password. Raises UnusableHashError."""
    if not text or text.startswith("!"):
        return ""
    if found := DJANGO_PBKDF2.fullmatch(text):
        return _made(f"pbkdf2-{found[1]}", {"i": _plain(found[2])}, found[3].encode(), found[4])
    if found := DJANGO_SCRYPT.fullmatch(text):
        parameters = {"ln": _log_n(found[1]), "r": _plain(found[3]), "p": _plain(found[4])}
        return _made("scrypt", parameters, found[2].encode(), found[5])
    name, _, rest = text.partition("$")
    if name == "argon2":
        return checked("$" + rest)
    if name == "bcrypt":
        return checked(rest)
    if name == "bcrypt_sha256":
        return _hex_sha256_bcrypt(rest)
    raise UnusableHashError("it is of no hasher of Django that is known")


def of_gotrue(text: str) -> str:
    """bcrypt, argon2, or what came from Firebase. Raises UnusableHashError."""
    if found := GOTRUE_FIREBASE.fullmatch(text):
        parameters = {"ln": _plain(found[1]), "r": _plain(found[2]), "p": _plain(found[3]), **_keys(found[5], found[4])}
        return _made("firebase-scrypt", parameters, of_base64(found[6]), found[7])
    return checked(text) if text else ""


def of_keycloak(secret_data: str, credential_data: str) -> str:
    """Both are JSON. Raises UnusableHashError."""
    secret, about = _object(secret_data), _object(credential_data)
    algorithm = _text(about, "algorithm")
    salt, digest = of_base64(_text(secret, "salt")), _text(secret, "value")
    if function := KEYCLOAK_PBKDF2.get(algorithm):
        return _made(f"pbkdf2-{function}", {"i": _text(about, "hashIterations")}, salt, digest)
    if algorithm != "argon2":
        raise UnusableHashError("its algorithm is not known")
    further = about.get("additionalParameters")
    if not isinstance(further, Mapping):
        raise UnusableHashError("it has no parameters")
    first = {name: value[0] if isinstance(value, list) and value else value for name, value in further.items()}
    version = {"1.0": 16, "1.3": 19}.get(_text(first, "version"))
    parameters = {"m": _text(first, "memory"), "t": _text(about, "hashIterations"), "p": _text(first, "parallelism")}
    return _made(f"argon2{_text(first, 'type')}", parameters, salt, digest, version)


def of_firebase(signer_key: str, separator: str, rounds: int, mem_cost: int) -> Callable[[str, str], str]:
    """With the hash parameters of the project: from salt and hash of one account."""
    parameters = {"ln": str(mem_cost), "r": str(rounds), "p": "1", **_keys(signer_key, separator)}

    def convert(salt: str, digest: str) -> str:
        return _made("firebase-scrypt", parameters, of_base64(_standard(salt)), _standard(digest))

    return convert


def _hex_sha256_bcrypt(bcrypt: str) -> str:
    found = BCRYPT.fullmatch(bcrypt)
    if found is None:
        raise UnusableHashError("it is no bcrypt")
    return checked(f"$django-bcrypt-sha256$t={found[1]},r={int(found[2])}${found[3]}${found[4]}")


def _made(name: str, parameters: Mapping[str, str], salt: bytes, digest: str, version: int | None = None) -> str:
    made = PhcHash(name=name, parameters=parameters, salt=salt, digest=of_base64(digest), version=version)
    return checked(str(made))


def _require_rounds(written: str) -> None:
    if int(written) not in BCRYPT_ROUNDS:
        raise UnusableHashError(f"bcrypt's cost is {int(written)}, not 4 to {BCRYPT_ROUNDS.stop - 1}")


def _plain(digits: str) -> str:
    return str(int(digits))


def _log_n(digits: str) -> str:
    n = int(digits)
    if n.bit_count() != 1:
        raise UnusableHashError("scrypt's n is no power of two")
    return str(n.bit_length() - 1)


def _keys(signer_key: str, separator: str | None) -> dict[str, str]:
    keys = {"sk": _standard(signer_key).rstrip("="), "ss": _standard(separator or "").rstrip("=")}
    return {name: value for name, value in keys.items() if value}


def _standard(text: str) -> str:
    """Firebase writes the alphabet of base 64 for URLs in some exports."""
    return text.replace("-", "+").replace("_", "/")


def _object(text: str) -> Mapping[str, object]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnusableHashError("a part of it is no JSON") from error
    if not isinstance(found, dict):
        raise UnusableHashError("a part of it is no JSON object")
    return found


def _text(values: Mapping[str, object], name: str) -> str:
    found = values.get(name)
    if isinstance(found, bool) or not isinstance(found, str | int):
        raise UnusableHashError(f"it lacks {name}")
    return str(found)
