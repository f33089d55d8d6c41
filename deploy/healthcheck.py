# ruff: noqa: INP001 - a script of its own, in no package
"""Exit status 0 when the service answers `/healthz`: `python -I -S healthcheck.py PORT`.

A plain socket, because an HTTP library would cost more at each check than the service does in between.
"""

import socket
import sys

with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=2) as connection:
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    with connection.makefile("rb") as answer:
        sys.exit(0 if answer.readline().split()[1:2] == [b"200"] else 1)
