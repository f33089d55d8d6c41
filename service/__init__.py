"""Tokenhouse: a self-hosted token authentication service."""
