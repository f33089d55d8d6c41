"""The `tokenhouse` command: a file for each subcommand, and what they share."""

from service.commands.lean_imports import leave_authorities_out, leave_companions_out

leave_companions_out()  # before any of them imports redis-py, structlog or aiohttp
leave_authorities_out()
