"""Mail servers for tests: one that takes mail (aiosmtpd, in a thread), and one that says what it is told to."""

import asyncio
import email
import ssl
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.support.ports import free_port


@dataclass
class Arrival:
    """What a server was given."""

    sender: str
    recipient: str
    message: EmailMessage
    is_encrypted: bool
    user: str | None
    connection: int  # those of one connection have the same


@dataclass
class MailSink:
    """Takes all mails but those that `replies` has another reply for, by recipient."""

    replies: dict[str, str] = field(default_factory=dict)
    arrivals: list[Arrival] = field(default_factory=list)
    port: int = 0
    sessions: list[int] = field(default_factory=list)  # the connections on which recipients were named
    delay: float = 0.0  # seconds before a mail is taken

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    async def handle_RCPT(  # noqa: N802 - the library's name
        self,
        server: SMTP,  # noqa: ARG002 - the library's signature
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],  # noqa: ARG002 - as above
    ) -> str:
        self.sessions.append(id(session))
        if reply := self.replies.get(address):
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        assert isinstance(envelope.content, bytes)
        await asyncio.sleep(self.delay)
        message = email.message_from_bytes(envelope.content, policy=default)
        login: object = session.auth_data
        assert server.transport is not None
        with self._lock:
            self.arrivals.append(
                Arrival(
                    sender=envelope.mail_from or "",
                    recipient=envelope.rcpt_tos[0],
                    message=message,
                    is_encrypted=server.transport.get_extra_info("sslcontext") is not None,
                    user=login.login.decode() if isinstance(login, LoginPassword) else None,
                    connection=id(session),
                )
            )
        return "250 taken as 4711"

    @property
    def recipients(self) -> list[str]:
        return [one.recipient for one in self.arrivals]

    @property
    def ids(self) -> list[str]:
        return [str(one.message["Message-ID"]) for one in self.arrivals]


@contextmanager
def mail_sink(
    *,
    tls: ssl.SSLContext | None = None,
    from_the_start: bool = False,
    password: str = "",
) -> Iterator[MailSink]:
    """`tls`: offered by STARTTLS, or spoken `from_the_start`. With a `password` nobody else may send."""
    sink = MailSink()

    def authenticate(_: SMTP, __: Session, ___: Envelope, ____: str, shown: object) -> AuthResult:
        is_right = isinstance(shown, LoginPassword) and shown.password == password.encode()
        return AuthResult(success=is_right, handled=False, auth_data=shown if is_right else None)

    options: dict[str, Any] = {}
    if password:
        options |= {"authenticator": authenticate, "auth_required": not from_the_start}
        options |= {"auth_require_tls": not from_the_start}  # it does not see the TLS around it
    if tls and not from_the_start:
        options["tls_context"] = tls
    controller = Controller(
        sink,
        hostname="127.0.0.1",
        port=free_port(),
        ready_timeout=60,
        ssl_context=tls if from_the_start else None,
        **options,
    )
    controller.start()
    sink.port = controller.port
    try:
        yield sink
    finally:
        controller.stop()


HANGS, HANGS_UP = "hangs", "hangs up"


@asynccontextmanager
async def scripted(script: Mapping[str, str]) -> AsyncIterator[int]:
    """A server that gives these replies to these commands, and otherwise takes everything. The greeting is `HI`, the end
    of a message `.`; a reply may be HANGS or HANGS_UP.
    """
    over = asyncio.Event()
    usual = {"HI": "220 here", "EHLO": "250 here", "DATA": "354 go on", "QUIT": "221 bye"}
    serving: set[asyncio.Task[None]] = set()

    async def answer(command: str, writer: asyncio.StreamWriter) -> bool:
        reply = script.get(command, usual.get(command, "250 OK"))
        if reply == HANGS:
            await over.wait()
        if reply in (HANGS, HANGS_UP):
            return False
        writer.write(f"{reply}\r\n".encode())
        await writer.drain()
        return command != "QUIT"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        serving.add(task)
        goes_on = await answer("HI", writer)
        while goes_on and (line := await reader.readline()):
            command = line.split()[0].decode().upper().partition(":")[0]
            goes_on = await answer(command, writer)
            if goes_on and command == "DATA" and "DATA" not in script:
                while await reader.readline() != b".\r\n":
                    pass
                goes_on = await answer(".", writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        over.set()
        server.close()
        if serving:
            await asyncio.wait(serving)
