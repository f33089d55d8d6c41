"""The domain's refusals, independent of protocol: each API has a table of status and wording (`api/problems.py`)."""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import ClassVar
from uuid import UUID

from service.broken_fields import BrokenField
from service.shown_policy import ShownPolicy


class AuthError(Exception):
    """A refusal: `code` is stable for programs, `message` is safe for anyone to read.

    `why` and the ids are only logged: the response is the same for all. The ids are set only where a signature, a
    digest or a password proved them, or where they name a session that was ended.
    """

    code: ClassVar[str]
    message: ClassVar[str]

    def __init__(self, why: str = "", *, user_id: UUID | None = None, session_id: str = "") -> None:
        super().__init__(self.code)
        self.why, self.user_id, self.session_id = why, user_id, session_id


# --- invalid input


class InvalidFieldsError(AuthError):
    code = "invalid_fields"
    message = "Some fields are missing or break a rule; see `errors`."

    def __init__(self, broken: Iterable[BrokenField]) -> None:
        super().__init__()
        self.broken = tuple(broken)


# --- credentials, accounts and sessions


class InvalidCredentialsError(AuthError):
    code = "invalid_credentials"
    message = "The e-mail address or the password is wrong."


class WrongPasswordError(InvalidCredentialsError):
    """For a call whose caller is authenticated."""

    message = "The password is wrong."


class SecondFactorRequiredError(AuthError):
    """The password was right. `challenge` is empty where a call asks for `code` besides the password, not a login."""

    code = "second_factor_required"
    message = "The account has a second factor: send a code of it, or a passkey, as well."

    def __init__(
        self, factors: Sequence[str], challenge: str = "", expires_in: timedelta = timedelta(), *, user_id: UUID
    ) -> None:
        super().__init__(self.code, user_id=user_id)
        self.factors, self.challenge, self.expires_in = tuple(factors), challenge, expires_in


class FactorSetupRequiredError(SecondFactorRequiredError):
    message = "Accounts here need a second factor, and this one has none yet: set one up to finish the login."


class InvalidCodeError(InvalidCredentialsError):
    """One answer for a code or link that is wrong, spent, expired, of somebody else, or was never asked for."""

    code = "invalid_code"
    message = "The code, link or passkey is wrong, was used already, or has expired. Try again with a new one."


class InvalidChallengeError(InvalidCredentialsError):
    code = "invalid_challenge"
    message = "This sign-in took too long, is over already, or had too many wrong codes. Log in again."


class EmailNotVerifiedError(AuthError):
    code = "email_not_verified"
    message = "Prove your e-mail address first: a mail with a code is on its way."


class InvalidTokenError(AuthError):
    """`presented` distinguishes a bad credential from a missing one (RFC 6750 section 3.1)."""

    code = "invalid_token"
    message = "A valid, unexpired id token or API key is needed. Log in or refresh to get one."

    def __init__(
        self, why: str = "", *, presented: bool = True, user_id: UUID | None = None, session_id: str = ""
    ) -> None:
        super().__init__(why, user_id=user_id, session_id=session_id)
        self.presented = presented


class KeyNotAcceptedError(InvalidTokenError):
    message = "Only an id token is accepted here, no API key. Log in to get one."


class InvalidAdminTokenError(InvalidTokenError):
    message = "A valid admin token is needed."


class InsufficientScopeError(AuthError):
    code = "insufficient_scope"
    message = "The admin token does not have the scope of this call."


class InvalidRefreshTokenError(AuthError):
    code = "invalid_refresh_token"
    message = "The refresh token is unknown, expired or revoked. Log in again."

    def __init__(self, why: str = "unknown", *, user_id: UUID | None = None, session_id: str = "") -> None:
        super().__init__(why, user_id=user_id, session_id=session_id)


class InvalidAccessTokenError(AuthError):
    code = "invalid_access_token"
    message = "This is not an access token of this service."


class TokenMismatchError(AuthError):
    code = "token_mismatch"
    message = "The two tokens belong to different sessions."


class InvalidClientError(AuthError):
    """RFC 6749 section 5.2."""

    code = "invalid_client"
    message = "This is not the credential of a known resource server."


class SessionNotFoundError(AuthError):
    code = "not_found"
    message = "You have no such session. It may have ended already."


class UserNotFoundError(AuthError):
    code = "not_found"
    message = "No account has this id."


class DeliveryNotFoundError(AuthError):
    code = "not_found"
    message = "There is no such delivery."


class EmailTakenError(AuthError):
    code = "email_taken"
    message = "This e-mail address has an account. Log in instead."


class IdTakenError(AuthError):
    code = "id_taken"
    message = "An account has this id already."


class SignUpClosedError(AuthError):
    code = "signup_closed"
    message = "Nobody can sign up here. Ask the operators for an account."


class InvalidInvitationError(AuthError):
    """One answer for none, and for one that is wrong, used, expired, ended, or for another address."""

    code = "invalid_invitation"
    message = "A good invitation is needed to sign up. This one is wrong, over, used already, or for another address."


class FactorExistsError(AuthError):
    code = "factor_exists"
    message = "The account has this factor already. Remove it first."


class FactorNotFoundError(AuthError):
    code = "not_found"
    message = "You have no such factor."


class ApiKeyNotFoundError(AuthError):
    code = "not_found"
    message = "You have no such API key."


class TooManyError(AuthError):
    """Of something that a user may have a number of."""

    code = "too_many"
    message = "You have as many of these as one account may have. Remove one first."


class NotConfiguredError(AuthError):
    code = "not_configured"
    message = "This service is not set up for that. Its operators find in the documentation which settings it needs."


# --- limits and outages


class RateLimitedError(AuthError):
    """`policy` is the state of the source's own limit, whichever limit refused."""

    code = "rate_limited"
    message = "Too many attempts. Try again later."

    def __init__(self, retry_after: timedelta, policy: ShownPolicy | None = None) -> None:
        super().__init__()
        self.retry_after = retry_after
        self.policy = policy


class OverloadedError(AuthError):
    """`room_in` tells how long it takes from now until there is room; zero where that is not known."""

    code = "overloaded"
    message = "Too many passwords are waiting to be checked. Try again later."

    def __init__(self, room_in: Callable[[], timedelta] = timedelta) -> None:
        super().__init__()
        self._room_in = room_in

    @property
    def retry_after(self) -> timedelta:
        """Worked out when it is said: a refusal may wait before it is sent."""
        return self._room_in()


class UnavailableError(AuthError):
    code = "unavailable"
    message = "A store does not answer at the moment. Try again later."


class MisfitError(UnavailableError):
    """The configuration of this instance no longer fits the stored data, or its clock is wrong."""

    message = (
        "The service cannot answer at the moment. Try again later; if this lasts, its operators find the reason in its"
        " log."
    )
