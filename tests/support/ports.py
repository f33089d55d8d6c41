"""Ports for programs that cannot be asked which one they got."""

import os
import random
import socket

LOWEST, HIGHEST = (
    20_000,
    32_000,
)  # below what Linux gives to sockets that ask for any port: nobody else gets it meanwhile


def free_port() -> int:
    """A port of loopback that nobody listens on, hardly the same in two processes that ask at once."""
    dice = random.Random(os.urandom(8))  # noqa: S311 - a port is no secret
    while True:
        port = dice.randrange(LOWEST, HIGHEST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
