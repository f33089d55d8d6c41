"""Factors besides the password: one-time passwords, recovery codes, passkeys, and the challenge that asks for one."""
