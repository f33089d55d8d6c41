"""Why a credential was refused, as logs say it."""

from enum import StrEnum


class Fault(StrEnum):
    """Why a credential was refused; docs/observability.md explains each."""

    NO_CREDENTIAL = "no_credential"
    KEY_NOT_ACCEPTED = "key_not_accepted"
    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown_key"
    FORGED = "forged"
    OTHER_ISSUER = "other_issuer"
    OTHER_CLIENT = "other_client"
    WRONG_USE = "wrong_use"
    IMPOSSIBLE_TIMES = "impossible_times"
    EXPIRED = "expired"
    REVOKED = "revoked"
    ACCOUNT_GONE = "account_gone"
