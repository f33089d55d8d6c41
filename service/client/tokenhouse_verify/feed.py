"""The revoked sessions and keys received from the feed so far, and how fresh that list is."""

from collections.abc import Mapping
from typing import Any

from tokenhouse_verify.tokens import InvalidTokenError, VerifyingKey, WrongIssuerError, read

KIND = "revocations+jwt"
MARGIN = 120.0  # seconds an entry is kept after it expires: late removal costs a little memory, early is a breach
SWEEP = 60.0  # seconds between two removals of expired entries


class Feed:
    """A received revocation is never withdrawn; it expires when no token that it concerns can still be valid."""

    def __init__(self, issuer: str, leeway: float) -> None:
        self._issuer = issuer
        self._leeway = leeway
        self._sessions: dict[str, int] = {}
        self._keys: dict[str, int] = {}
        self.made_at = 0
        self._swept_at = 0.0
        self.cursor = ""

    def __len__(self) -> int:
        return len(self._sessions)

    def denies(self, session_id: str, key_id: str) -> bool:
        return session_id in self._sessions or key_id in self._keys

    def take(self, piece: str, keys: Mapping[str, VerifyingKey], now: float) -> bool:
        """Add a piece that was requested with `cursor`; returns whether to request more right now.

        Raises UnknownKeyError for a new key, and InvalidTokenError for a piece that cannot be trusted: forged, old
        (cached or replayed), or not beginning where the last one ended. WrongIssuerError is one of them, for a piece of
        another issuer.
        """
        key, claims = read(piece, KIND, {kid: one for kid, one in keys.items() if kid not in self._keys})
        sessions, denied = claims.get("sessions"), claims.get("keys")
        made_at, until, onward = claims.get("iat"), claims.get("exp"), claims.get("next")
        if claims.get("iss") != self._issuer:
            raise WrongIssuerError(self._issuer, claims.get("iss"))
        if (
            claims.get("since") not in ("", self.cursor)
            or not (isinstance(sessions, dict) and isinstance(denied, dict) and isinstance(onward, str))
            or not (type(made_at) is int and type(until) is int)
            or not made_at - self._leeway <= now < until + self._leeway
            or made_at + 2 * self._leeway < self.made_at
            or not _are_times(sessions)
            or not _are_times(denied)
        ):
            raise InvalidTokenError("the feed does not follow what was heard before, or is not of now")
        self._keys |= denied
        if key.kid in self._keys:
            raise InvalidTokenError("the feed is signed with a key that was revoked")  # so its content proves nothing
        self._sessions |= sessions
        self.made_at = max(made_at, self.made_at)
        self.cursor = onward
        self._sweep(now)
        return claims.get("more") is True

    def _sweep(self, now: float) -> None:
        if now - self._swept_at < SWEEP:
            return
        self._swept_at = now
        oldest = now - self._leeway - MARGIN
        self._sessions = {name: until for name, until in self._sessions.items() if until > oldest}
        self._keys = {name: until for name, until in self._keys.items() if until > oldest}


def _are_times(entries: Mapping[str, Any]) -> bool:
    return all(type(until) is int for until in entries.values())
