"""Identifiers of people and programs: e-mail addresses and API keys."""
