"""Accounts that move in from another system, or out: files, their formats, and what is refused."""
