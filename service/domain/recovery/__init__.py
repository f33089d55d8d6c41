"""Forgotten passwords, proofs of an e-mail address, and its change."""
