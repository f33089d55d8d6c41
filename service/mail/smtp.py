"""Delivery by SMTP. Connections serve several mails, and are closed when none is due.

What fails before the recipient is named concerns the server. What fails after that concerns the mail alone: one that
makes its server hang, or hang up, must not pass for an outage.
"""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address

from aiosmtplib import SMTP, SMTPException, SMTPResponseException, SMTPServerDisconnected

from service.domain.mail.models import Greeting, Letter, Mail
from service.domain.mail.ports import PostponedError, RefusedError, UnreachableError
from service.mail.letters import Letters
from service.settings import MailServer, MailTls

MOST_MAILS = 100  # over one connection: servers have a limit
PERMANENT = 500  # reply codes from here on
FAILURES = (SMTPException, OSError, TimeoutError, ValueError)


@dataclass(slots=True)
class SmtpConnection:
    client: SMTP
    mails: int = 0


class SmtpCourier:
    def __init__(self, server: MailServer, letters: Letters, timeout: float) -> None:
        self._server = server
        self._letters = letters
        self._timeout = timeout
        self._idle: list[SmtpConnection] = []

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()  # SSL_CERT_FILE names other authorities

    async def deliver(self, mail: Mail, letter: Letter) -> str:
        rendered = self._letters.render(mail, letter)
        connection = await self._begin()
        is_intact = False
        try:
            await connection.client.rcpt(rendered.recipient)
            reply = await connection.client.data(rendered.message)
            is_intact = True
        except SMTPResponseException as error:
            is_intact = await self._is_reset(connection)
            raise _about_the_mail(error) from None
        except FAILURES as error:
            raise PostponedError(_line(error)) from None
        finally:
            if is_intact and connection.mails < MOST_MAILS:
                self._idle.append(connection)
            else:
                connection.client.close()
        return f"{reply.code} {reply.message}"

    async def rest(self) -> None:
        idle, self._idle = self._idle, []
        await asyncio.gather(*(_leave(connection.client) for connection in idle))

    async def greet(self) -> Greeting:
        try:
            connection = await self._open()
        except FAILURES as error:
            raise UnreachableError(_line(error)) from None
        is_encrypted = connection.client.get_transport_info("sslcontext") is not None
        self._idle.append(connection)
        await self.rest()
        return Greeting(is_encrypted=is_encrypted, is_logged_in=self._server.user is not None)

    async def _begin(self) -> SmtpConnection:
        """A connection that has taken our sender. One that was idle may be dead by now. Raises UnreachableError."""
        sender = self._letters.sender.addr_spec
        while self._idle:
            connection = self._idle.pop()
            try:
                await connection.client.mail(sender)
            except FAILURES:
                connection.client.close()
            else:
                connection.mails += 1
                return connection
        try:
            connection = await self._open()
            try:
                await connection.client.mail(sender)
            except BaseException:
                connection.client.close()
                raise
        except FAILURES as error:
            raise UnreachableError(_line(error)) from None
        connection.mails += 1
        return connection

    async def _open(self) -> SmtpConnection:
        server = self._server
        client = SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            local_hostname=_name_in_ehlo(self._letters.host),
            timeout=self._timeout,
            use_tls=server.tls is MailTls.IMPLICIT,
            start_tls={MailTls.REQUIRED: True, MailTls.OFFERED: None}.get(server.tls, False),
            tls_context=None if server.tls is MailTls.NEVER else self._tls,
        )
        await client.connect()
        return SmtpConnection(client)

    async def _is_reset(self, connection: SmtpConnection) -> bool:
        try:
            await connection.client.rset()
        except FAILURES:
            return False
        return True


async def _leave(client: SMTP) -> None:
    try:
        with suppress(*FAILURES):
            await client.quit()
    finally:
        client.close()


def _about_the_mail(error: SMTPResponseException) -> RefusedError | PostponedError:
    return (RefusedError if error.code >= PERMANENT else PostponedError)(_line(error))


def _line(error: BaseException) -> str:
    """One line for the operator: the server's reply, or what kind of failure it was."""
    if isinstance(error, SMTPResponseException):
        text = f"{error.code} {error.message}"
    elif isinstance(error, ssl.SSLCertVerificationError):
        text = f"its certificate is not good: {error.verify_message}"
    elif isinstance(error, SMTPServerDisconnected):
        text = "it hung up"
    elif isinstance(error, TimeoutError):
        text = "it does not answer in time"
    else:
        text = str(error) or type(error).__name__
    return "".join(one if one.isprintable() else " " for one in text)


def _name_in_ehlo(host: str) -> str:
    """RFC 5321 section 4.1.3: an address is written in brackets."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"  # noqa: PLR2004 - the version's number
