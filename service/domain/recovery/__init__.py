"""Proofs that somebody reads the mails to an address, for a new password, a proved address or a new one."""
