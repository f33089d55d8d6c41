"""Introspection, revocation and the revocation feed, for other services."""
