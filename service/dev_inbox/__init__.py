"""The mails that `tokenhouse dev` keeps instead of sending them: a page, and JSON for tests of applications."""
