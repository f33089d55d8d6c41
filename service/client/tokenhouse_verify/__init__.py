"""Verifies Tokenhouse's tokens in another service, without a call per request.

`tokenhouse_verify.testing` holds a verifier for the tests of that service.
"""

from tokenhouse_verify.middleware import CLAIMS, protect
from tokenhouse_verify.tokens import Claims, InvalidTokenError, WrongIssuerError
from tokenhouse_verify.verifier import StaleError, Verifier

__all__ = ["CLAIMS", "Claims", "InvalidTokenError", "StaleError", "Verifier", "WrongIssuerError", "protect"]
