"""Which field of a body breaks a rule, and which rule: the members of `errors` in `invalid_fields`."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class FieldCode(StrEnum):
    """Why a field is refused: stable for programs."""

    meaning: str

    def __new__(cls, code: str, meaning: str) -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    MISSING = "missing", "The field is required and was not sent."
    WRONG_TYPE = "wrong_type", "The value has another JSON type than the field; nearly all are strings."
    BLANK = "blank", "The value holds nothing but blanks."
    INVALID_EMAIL = "invalid_email", "The value is no e-mail address that can have an account."
    TOO_SHORT = "too_short", "The value has fewer characters than it must have."
    TOO_LONG = "too_long", "The value has more characters, or the list more entries, than it may have."
    INVISIBLE_CHARACTER = "invisible_character", "The name holds a control or an invisible character."
    NO_VISIBLE_CHARACTER = "no_visible_character", "The name holds nothing that is seen."
    NO_UPPERCASE = "no_uppercase", "The new password has no uppercase letter."
    NO_LOWERCASE = "no_lowercase", "The new password has no lowercase letter."
    NO_NUMBER = "no_number", "The new password has no number."
    NO_SPECIAL = "no_special", "The new password has no special character, such as ! or -."
    CONTROL_CHARACTER = "control_character", "The new password holds a control character."
    UNKNOWN_MEMBER = "unknown_member", "The body has a member that the call does not know (of calls that refuse this)."
    UNKNOWN_VALUE = "unknown_value", "The value is none of those that there are."
    CONFLICTING = "conflicting", "The field and another that was sent cannot both be."
    INVALID_ID = "invalid_id", "The value is no UUID, or the one of zeros alone."
    INVALID_HASH = "invalid_hash", "The value is no hash that can be checked here, or costs more than it may."
    INVALID_CLAIMS = "invalid_claims", "The claims break a rule of theirs."
    INVALID_SCOPE = "invalid_scope", "The value is no scope of OAuth (RFC 6749 section 3.3)."
    INVALID_GROUP = "invalid_group", "The value is no name of a group."
    INVALID_RATE = "invalid_rate", "The value is no rate such as 60/1m."
    INVALID_TIME = "invalid_time", "The value is no time such as 2027-01-31T12:00:00Z."
    OUT_OF_RANGE = "out_of_range", "The number, the time or the length of the list is outside of its bounds."
    COMMON = "common", "The new password is among the first that attackers try (`passwords.refuse_common`)."


@dataclass(frozen=True, slots=True)
class BrokenField:
    """One field that breaks a rule. It never contains a value that the caller sent."""

    field: str
    code: FieldCode
    message: str
