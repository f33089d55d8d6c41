"""The `tokenhouse` command: a file for each subcommand, and what they share."""

from service.commands.lean_imports import skip_certificate_authorities, skip_optional_imports

skip_optional_imports()  # before any of them imports redis-py, structlog or aiohttp
skip_certificate_authorities()
