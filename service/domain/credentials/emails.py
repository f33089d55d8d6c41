"""The canonical form of e-mail addresses, which decides which spellings belong to the same account."""

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

SPECIAL_USE_DOMAIN_NAMES.clear()  # the library's own switch: a private installation may well use .test or .local
MAX_LENGTH = 254
DOTS = (".", "\u3002", "\uff0e", "\uff61")  # the characters that IDNA treats as dots (RFC 3490 section 3.1)


class InvalidEmailError(ValueError):
    """Not an address that can have an account."""


def canonical(typed: str) -> str:
    """The form that is unique in the database: lower-cased local part, domain as lower-cased A-labels (IDNA, UTS 46).

    ASCII dot-atom local part of at most 64 characters, a domain of at least two labels, no IP literal, no trailing
    dot, at most 254 characters in total, however the domain is spelt. Surrounding blanks are ignored. Raises
    InvalidEmailError.
    """
    text = typed.strip()
    if not text.rpartition("@")[0].isascii() or text.endswith(DOTS):
        raise InvalidEmailError
    try:
        found = validate_email(
            text,
            check_deliverability=False,
            globally_deliverable=False,
            allow_smtputf8=False,
            strict=True,
            allow_quoted_local=False,
            allow_domain_literal=False,
        )
    except (EmailNotValidError, UnicodeError) as error:
        raise InvalidEmailError from error
    address = f"{found.local_part}@{found.ascii_domain}".lower()
    _, dot, last_label = found.ascii_domain.rpartition(".")
    if not dot or last_label.isdigit() or len(address) > MAX_LENGTH:
        raise InvalidEmailError
    return address


def canonical_of_account(typed: str) -> str:
    """The canonical form of an address that has an account. Most are ASCII, for which lower case suffices."""
    return typed.lower() if typed.isascii() else canonical(typed)


def for_look_up(typed: str) -> str:
    """The canonical form, or for an invalid address a form that no account has; login refuses both alike."""
    try:
        return canonical(typed)
    except InvalidEmailError:
        return " " + typed.strip().lower()[:MAX_LENGTH]  # no account's address begins with a blank
