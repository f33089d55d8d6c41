"""Mails: what is asked for waits in an outbox, and is written and sent by a worker."""
