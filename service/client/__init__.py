"""Verifying Tokenhouse's tokens in another service, without a call per request: `pip install tokenhouse[verify]`.

This package imports nothing of the service itself.
"""

from service.client.middleware import CLAIMS, protect
from service.client.tokens import Claims, InvalidTokenError, WrongIssuerError
from service.client.verifier import StaleError, Verifier

__all__ = ["CLAIMS", "Claims", "InvalidTokenError", "StaleError", "Verifier", "WrongIssuerError", "protect"]
