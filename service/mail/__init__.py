"""Writes letters from templates and hands them to a mail server."""
