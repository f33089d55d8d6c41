"""Makes what tests keep of other systems' own work, in an environment that has them:

python -m venv tools && tools/bin/pip install "Django==5.2.19" "argon2-cffi==25.1.0" bcrypt
tools/bin/python tests/support/made_by_real_tools.py check          # foreign_vectors.py, by Django and argon2-cffi
tools/bin/python tests/support/made_by_real_tools.py vectors        # new ones of that kind
tools/bin/python tests/support/made_by_real_tools.py dumpdata > tests/support/django_users.jsonl
"""

import importlib
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
vectors: Any = importlib.import_module("tests.support.foreign_vectors")
HASHERS = {
    "pbkdf2_sha256": ("PBKDF2PasswordHasher", {"iterations": 1000}),
    "pbkdf2_sha256 of the default cost": ("PBKDF2PasswordHasher", {}),
    "pbkdf2_sha1": ("PBKDF2SHA1PasswordHasher", {"iterations": 1000}),
    "argon2": ("Argon2PasswordHasher", {}),
    "scrypt": ("ScryptPasswordHasher", {}),
    "bcrypt_sha256": ("BCryptSHA256PasswordHasher", {}),
    "bcrypt": ("BCryptPasswordHasher", {}),
}
SALT = "saltSalt1234567890abcd"
ROUNDS = 5  # of bcrypt, for quick tests


def django() -> Any:
    found: Any = importlib.import_module("django")
    settings: Any = importlib.import_module("django.conf").settings
    settings.configure(
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        USE_TZ=True,
        PASSWORD_HASHERS=[f"django.contrib.auth.hashers.{name}" for name, _ in HASHERS.values()],
    )
    found.setup()
    return importlib.import_module("django.contrib.auth.hashers")


def made(hashers: Any) -> dict[str, str]:
    found = {}
    for name, (hasher, options) in HASHERS.items():
        one = getattr(hashers, hasher)()
        one.rounds = ROUNDS
        salt = one.salt() if name.startswith("bcrypt") else SALT
        found[name] = one.encode(vectors.PASSWORD, salt, **options)
    return found


def check(hashers: Any) -> None:
    argon2: Any = importlib.import_module("argon2")
    for name, text in vectors.DJANGO.items():
        assert hashers.check_password(vectors.PASSWORD, text), name
        assert not hashers.check_password(vectors.PASSWORD + "x", text), name
    for text in vectors.ARGON2.values():
        argon2.PasswordHasher().verify(text, vectors.PASSWORD)


def dumpdata(hashers: Any) -> None:
    """One user of each hasher, one without a usable password, one that is not active, one without an address."""
    call: Any = importlib.import_module("django.core.management").call_command
    models: Any = importlib.import_module("django.contrib.auth.models")
    call("migrate", verbosity=0)
    staff = models.Group.objects.create(name="staff")
    for number, text in enumerate([*made(hashers).values(), hashers.make_password(None)]):
        user = models.User.objects.create(
            username=f"user{number}",
            email=f"User{number}@Example.com",
            first_name="Zoë",
            last_name="O'Neil",
            password=text,
        )
        user.groups.add(staff)
    models.User.objects.create(username="gone", email="gone@example.com", password=text, is_active=False)
    models.User.objects.create(username="service", password=text)
    call("dumpdata", "auth.User", format="jsonl")


def main() -> None:
    hashers = django()
    match sys.argv[1:]:
        case ["check"]:
            check(hashers)
        case ["vectors"]:
            for name, text in made(hashers).items():
                sys.stdout.write(f"{name!r}: {text!r},\n")
        case ["dumpdata"]:
            dumpdata(hashers)
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
