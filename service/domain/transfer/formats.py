"""How each system spells an account."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from io import BufferedReader

from service.domain.foreign_hashes import spellings
from service.domain.foreign_hashes.phc import UnusableHashError
from service.domain.transfer import profiles, sources, values
from service.domain.transfer.models import MovedUser, Record, RefusedRecordError
from service.domain.transfer.sources import Found

REDACTED = "UkVEQUNURUQ="  # what Firebase gives in place of a hash to those who may not read it
Convert = Callable[[Record], MovedUser]


@dataclass(frozen=True, slots=True, kw_only=True)
class FirebaseKey:
    """A project's password hash parameters, as its console shows them."""

    signer_key: str
    separator: str = "Bw=="
    rounds: int = 8
    mem_cost: int = 14


@dataclass(frozen=True, slots=True)
class FileFormat:
    records: Callable[[BufferedReader], Iterator[Found]]
    convert: Convert

    def read(self, file: BufferedReader) -> Iterator[tuple[int, MovedUser | RefusedRecordError]]:
        """Raises BrokenFileError where nothing more can be read."""
        sources.require_utf_8(file)
        for line, record in self.records(file):
            yield line, record if isinstance(record, RefusedRecordError) else self._converted(record)

    def _converted(self, record: Record) -> MovedUser | RefusedRecordError:
        try:
            return self.convert(record)
        except RefusedRecordError as refused:
            return refused
        except UnusableHashError as unusable:
            return RefusedRecordError(f"its password hash is not taken: {unusable}")


def of(name: str, firebase: FirebaseKey | None = None) -> FileFormat:
    """Raises KeyError, and UnusableHashError for a key of Firebase that is none."""
    if name == "firebase":
        return FileFormat(partial(sources.from_document, member="users"), _firebase(firebase))
    return FORMATS[name]


def _ours(record: Record) -> MovedUser:
    stored = values.text(record, "passwordHash")
    return MovedUser(
        email=values.text(record, "email"),
        password_hash=spellings.checked(stored) if stored else "",
        has_no_password=record.get("passwordHash") == "",
        id=values.uuid(record, "id"),
        first_name=values.text(record, "firstName"),
        last_name=values.text(record, "lastName"),
        created_at=values.time(record, "createdAt"),
        email_verified_at=values.time(record, "emailVerifiedAt"),
        is_verified=values.flag(record, "emailVerified"),
        is_disabled=values.flag(record, "disabled"),
        groups=values.texts(record, "groups"),
        language=values.text(record, "language"),
        attributes=values.pairs(record, "attributes"),
        claims=values.member(record, "claims"),
        must_prove_address=values.flag(record, "mustProveAddress"),
    )


def _django(record: Record) -> MovedUser:
    """`dumpdata auth.User`, or a row of the table."""
    fields = values.member(record, "fields") if "fields" in record else record
    username = values.text(fields, "username")
    email = values.text(fields, "email") or username
    return MovedUser(
        email=email,
        password_hash=spellings.of_django(values.text(fields, "password")),
        has_no_password=values.text(fields, "password").startswith("!"),  # set_unusable_password: nobody knows any
        id=values.uuid(record, "pk") or values.uuid(record, "id"),
        first_name=values.text(fields, "first_name"),
        last_name=values.text(fields, "last_name"),
        created_at=values.time(fields, "date_joined"),
        is_disabled=not values.flag(fields, "is_active", otherwise=True),
        attributes=profiles.taken({"preferred_username": "" if "@" in username else username}),
    )


def _gotrue(record: Record) -> MovedUser:
    """Rows of `auth.users`."""
    about = values.member(record, "raw_user_meta_data")
    first, last = values.names_of(values.text(about, "full_name", "name"))
    phone, picture = profiles.international(record.get("phone")), about.get("picture") or about.get("avatar_url")
    profile = profiles.taken({**about, "phone_number": phone, "picture": picture})
    return MovedUser(
        email=values.text(record, "email"),
        password_hash=spellings.of_gotrue(values.text(record, "encrypted_password")),
        id=values.uuid(record, "id"),
        first_name=values.text(about, "first_name", "given_name") or first,
        last_name=values.text(about, "last_name", "family_name") or last,
        created_at=values.time(record, "created_at"),
        email_verified_at=values.time(record, "email_confirmed_at"),
        is_disabled=values.time(record, "deleted_at") is not None,
        is_disabled_until=values.time(record, "banned_until"),
        language=profiles.language_of(profile),
        attributes=profile,
    )


def _keycloak(record: Record) -> MovedUser:
    """A user of a realm's export."""
    stored = ""
    for credential in values.members(record, "credentials"):
        if values.text(credential, "type") == "password":
            secret, about = values.text(credential, "secretData"), values.text(credential, "credentialData")
            stored = spellings.of_keycloak(secret, about)
    username = values.text(record, "username")
    given = values.member(record, "attributes")
    profile = profiles.taken({"preferred_username": "" if "@" in username else username, **given})
    return MovedUser(
        email=values.text(record, "email") or username,
        password_hash=stored,
        id=values.uuid(record, "id"),
        first_name=values.text(record, "firstName"),
        last_name=values.text(record, "lastName"),
        created_at=values.time(record, "createdTimestamp"),
        is_verified=values.flag(record, "emailVerified"),
        is_disabled=not values.flag(record, "enabled", otherwise=True),
        groups=tuple(one.strip("/").replace("/", ".") for one in values.texts(record, "groups")),
        language=profiles.language_of(profile),
        attributes=profile,
    )


def _auth0(record: Record) -> MovedUser:
    """A line of an export job, or of the export with hashes that Auth0's support gives out."""
    stored = values.text(record, "passwordHash")
    full = values.text(record, "name", "Name")
    full = "" if "@" in full else full  # those without a name are called by their address
    first, last = values.names_of(full)
    email, is_verified = values.text(record, "email", "Email"), values.flag(record, "email_verified")
    for one in values.members(record, "identifiers"):  # some accounts have it here alone
        if not email and values.text(one, "type") == "email":
            email, is_verified = values.text(one, "value"), values.flag(one, "verified")
    profile = profiles.taken({"preferred_username": record.get("username"), **record, "name": full})
    return MovedUser(
        email=email,
        password_hash=spellings.checked(stored) if stored else "",
        id=values.uuid(record, "user_id"),
        first_name=values.text(record, "given_name", "Given Name") or first,
        last_name=values.text(record, "family_name", "Family Name") or last,
        created_at=values.time(record, "created_at", "Created At"),
        is_verified=is_verified or values.flag(record, "Email Verified"),
        is_disabled=values.flag(record, "blocked"),
        language=profiles.language_of(profile),
        attributes=profile,
    )


def _cognito(record: Record) -> MovedUser:
    """A row of the CSV that Cognito takes, or a user of `list-users`. AWS gives out no hash."""
    given: dict[str, object] = dict(record)
    for one in values.members(record, "Attributes"):
        given[values.text(one, "Name")] = one.get("Value")
    profile = profiles.taken(given)
    return MovedUser(
        email=values.text(given, "email"),
        id=values.uuid(given, "sub") or values.uuid(given, "Username"),
        first_name=values.text(given, "given_name"),
        last_name=values.text(given, "family_name"),
        created_at=values.time(given, "UserCreateDate"),
        is_verified=values.flag(given, "email_verified"),
        is_disabled=not values.flag(given, "Enabled", otherwise=True),
        language=profiles.language_of(profile),
        attributes=profile,
    )


def _firebase(key: FirebaseKey | None) -> Convert:
    """`firebase auth:export users.json`; without a key, accounts with a password are refused."""
    rehash = spellings.of_firebase(key.signer_key, key.separator, key.rounds, key.mem_cost) if key else _lacks_key

    def convert(record: Record) -> MovedUser:
        digest = values.text(record, "passwordHash")
        if digest == REDACTED:
            raise RefusedRecordError("its password hash is not in the file: export it as an owner of the project")
        first, last = values.names_of(values.text(record, "displayName"))
        return MovedUser(
            email=values.text(record, "email"),
            password_hash=rehash(values.text(record, "salt"), digest) if digest else "",
            id=values.uuid(record, "localId"),
            first_name=first,
            last_name=last,
            created_at=values.time(record, "createdAt"),
            is_verified=values.flag(record, "emailVerified"),
            is_disabled=values.flag(record, "disabled"),
            attributes=profiles.taken({"phone_number": record.get("phoneNumber"), "picture": record.get("photoUrl")}),
        )

    return convert


def _lacks_key(_: str, __: str) -> str:
    raise RefusedRecordError("its password hash needs the project's signer key: --firebase-key")


def _lines_or_array(file: BufferedReader) -> Iterator[Found]:
    return sources.from_document(file) if _begins_with(file, b"[") else sources.from_lines(file)


def _cognito_records(file: BufferedReader) -> Iterator[Found]:
    return sources.from_document(file, "users") if _begins_with(file, b"{") else sources.from_table(file)


def _gotrue_records(file: BufferedReader) -> Iterator[Found]:
    return _lines_or_array(file) if _begins_with(file, b"[") or _begins_with(file, b"{") else sources.from_table(file)


def _begins_with(file: BufferedReader, character: bytes) -> bool:
    """Looks ahead, in what `open` and standard input have in their buffers."""
    return file.peek(1).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(character)


FORMATS: Mapping[str, FileFormat] = {
    "jsonl": FileFormat(_lines_or_array, _ours),
    "django": FileFormat(_lines_or_array, _django),
    "gotrue": FileFormat(_gotrue_records, _gotrue),
    "keycloak": FileFormat(partial(sources.from_document, member="users"), _keycloak),
    "auth0": FileFormat(_lines_or_array, _auth0),
    "cognito": FileFormat(_cognito_records, _cognito),
}
NAMES = (*sorted([*FORMATS, "firebase"]),)
