"""Forgotten passwords, proving an address, changing it."""

from http import HTTPStatus

from aiohttp import web

from service.api import recovery_schemas, schemas
from service.api.context import SERVICES
from service.api.description import AUTHORIZE, HASHING, Description, Returns, Tag
from service.broken_fields import BrokenField, FieldCode
from service.domain.mail.models import Kind
from service.domain.models import Caller
from service.domain.recovery.models import MailEvidence
from service.errors import (
    EmailTakenError,
    InvalidCodeError,
    InvalidCredentialsError,
    InvalidFieldsError,
    InvalidTokenError,
    NotConfiguredError,
    RateLimitedError,
    SecondFactorRequiredError,
    UnavailableError,
    WrongPasswordError,
)
from service.faults import Fault
from service.http.context import visitor_of
from service.http.languages import language_of
from service.http.request_body import read
from service.http.responses import json_response

MAILING = (NotConfiguredError, RateLimitedError, UnavailableError)
SESSIONS_OVER, SESSIONS_END_SOON = "Every session is over.", "Every session ends within seconds."
SENT = "If there is an account with this address, a mail is on its way to it."
RESET = f"The password is changed. {SESSIONS_OVER} Log in."
PROOF_SENT = "Unless your address is proved already, a mail is on its way."
PROVED = "The address is proved."
CHANGE_SENT = "A mail with a code is on its way to the new address, unless it has an account."
UNDONE = f"The change is undone. {SESSIONS_OVER} A mail to set a new password is on its way."


@Description(
    tag=Tag.RECOVERY,
    summary="Ask for a mail to set a new password",
    description="The answer is the same whether the address has an account or not. The mail has a code and a link; "
    "both are good for 15 minutes, once.",
    takes=recovery_schemas.Forgot,
    returns=Returns(HTTPStatus.ACCEPTED, schemas.Message, message=SENT),
    refuses=MAILING,
)
async def forgot(request: web.Request) -> web.Response:
    body = await read(request, recovery_schemas.Forgot)
    recovery = request.app[SERVICES].recovery.passwords
    await recovery.ask(body.email, language_of(request), visitor_of(request))
    return json_response(schemas.Message(message=SENT), HTTPStatus.ACCEPTED)


@Description(
    tag=Tag.RECOVERY,
    summary="Set a new password with the mail's code or link",
    description="Every session is over, and no tokens are handed out: log in with the new password. It proves the "
    "address too. If it is the first proof, whatever somebody else may have left in the account is gone: the API keys "
    "and the second factors.",
    takes=recovery_schemas.Reset,
    returns=Returns(body=schemas.Message, message=RESET),
    refuses=(NotConfiguredError, InvalidCodeError, *HASHING),
)
async def reset(request: web.Request) -> web.Response:
    services, visitor = request.app[SERVICES], visitor_of(request)
    services.passwords.refuse_if_full(visitor)
    body = await read(request, recovery_schemas.Reset)
    shown = _shown(body.token, body.email, body.code)
    recovery = services.recovery.passwords
    are_over = await recovery.reset(shown, body.new_password, visitor, replace_api_key=body.revoke_api_key)
    return json_response(schemas.Message(message=_about_sessions(RESET, are_over=are_over)))


@Description(
    tag=Tag.RECOVERY,
    summary="Ask for a mail to prove my address",
    description=f"The answer is the same when the address is proved already; then there is no mail. {AUTHORIZE}",
    returns=Returns(HTTPStatus.ACCEPTED, schemas.Message, message=PROOF_SENT),
    refuses=MAILING,
)
async def verification(request: web.Request, caller: Caller) -> web.Response:
    await request.app[SERVICES].recovery.verification.ask(caller, visitor_of(request))
    return json_response(schemas.Message(message=PROOF_SENT), HTTPStatus.ACCEPTED)


@Description(
    tag=Tag.RECOVERY,
    summary="Prove an address with the mail's code or link",
    description="With an id token of the account, or its `password`, the address is proved and nothing else happens. "
    "With `newPassword` instead, the account is the sender's: see `POST /auth/reset`.",
    takes=recovery_schemas.VerifyEmail,
    returns=Returns(body=schemas.Message, message=PROVED),
    refuses=(NotConfiguredError, InvalidCodeError, InvalidCredentialsError, *HASHING),
)
async def verify(request: web.Request, caller: Caller | None) -> web.Response:
    services, visitor = request.app[SERVICES], visitor_of(request)
    body = await read(request, recovery_schemas.VerifyEmail)
    shown = _shown(body.token, body.email, body.code)
    if body.new_password:
        are_over = await services.recovery.passwords.reset(shown, body.new_password, visitor, kind=Kind.VERIFY)
        return json_response(schemas.Message(message=f"{PROVED} {_about_sessions(RESET, are_over=are_over)}"))
    if body.password:
        await services.recovery.verification.with_password(shown, body.password, visitor)
    elif caller:
        await services.recovery.verification.with_session(shown, caller, visitor)
    else:
        missing = "send an id token of the account, its password, or a new one"
        raise InvalidFieldsError([BrokenField("newPassword", FieldCode.MISSING, missing)])
    return json_response(schemas.Message(message=PROVED))


@Description(
    tag=Tag.RECOVERY,
    summary="Ask for a mail to a new address of mine",
    description="Nothing changes until the code in it, or its link, is sent back. Where the new address has an "
    f"account, there is no mail, and the answer is the same. {AUTHORIZE}",
    takes=recovery_schemas.ChangeEmail,
    returns=Returns(HTTPStatus.ACCEPTED, schemas.Message, message=CHANGE_SENT),
    refuses=(NotConfiguredError, WrongPasswordError, SecondFactorRequiredError, InvalidCodeError, *HASHING),
)
async def change(request: web.Request, caller: Caller) -> web.Response:
    services, visitor = request.app[SERVICES], visitor_of(request)
    services.passwords.refuse_if_full(visitor)
    body = await read(request, recovery_schemas.ChangeEmail)
    await services.recovery.addresses.ask(caller, body.new_email, body.password, body.proof, visitor)
    return json_response(schemas.Message(message=CHANGE_SENT), HTTPStatus.ACCEPTED)


@Description(
    tag=Tag.RECOVERY,
    summary="Change my address with the mail's code or link",
    description="The new address is proved, and every other session is over. The one before gets a mail by which the "
    "change can be undone for seven days. The code needs an id token, the link does not.",
    takes=recovery_schemas.ConfirmEmail,
    returns=Returns(body=recovery_schemas.CurrentEmail),
    refuses=(InvalidCodeError, *MAILING),
)
async def confirm(request: web.Request, caller: Caller | None) -> web.Response:
    changes, visitor = request.app[SERVICES].recovery.addresses, visitor_of(request)
    body = await read(request, recovery_schemas.ConfirmEmail)
    if body.token:
        email = await changes.confirm_link(body.token, caller, visitor)
    elif not body.code:
        missing = {"token": "send a token, or a code with an id token"}
        raise InvalidFieldsError([BrokenField(name, FieldCode.MISSING, message) for name, message in missing.items()])
    elif caller is None:
        raise InvalidTokenError(Fault.NO_CREDENTIAL, presented=False)
    else:
        email = await changes.confirm_code(caller, body.code, visitor)
    return json_response(recovery_schemas.CurrentEmail(email=email))


@Description(
    tag=Tag.RECOVERY,
    summary="Undo a change of the address",
    description="With the link in the mail to the address before, for seven days, once. That address is the account's "
    "again; the password, every session, and the keys and factors that were added meanwhile are no longer good. A mail "
    "to set a new password follows.",
    takes=recovery_schemas.UndoEmail,
    returns=Returns(body=schemas.Message, message=UNDONE),
    refuses=(NotConfiguredError, InvalidCodeError, EmailTakenError, *HASHING),
)
async def undo(request: web.Request) -> web.Response:
    services, visitor = request.app[SERVICES], visitor_of(request)
    services.passwords.refuse_if_full(visitor)
    body = await read(request, recovery_schemas.UndoEmail)
    are_over = await services.recovery.addresses.undo(body.token, visitor)
    return json_response(schemas.Message(message=_about_sessions(UNDONE, are_over=are_over)))


def _shown(token: str | None, email: str | None, code: str | None) -> MailEvidence:
    """Raises InvalidFieldsError unless there is a token, or an address and a code."""
    if not token:
        needed = {"email": email, "code": code} if email or code else {"token": token}
        message = "send the token of the link, or the address and the code"
        if missing := [BrokenField(name, FieldCode.MISSING, message) for name, value in needed.items() if not value]:
            raise InvalidFieldsError(missing)
    return MailEvidence(token or "", email or "", code or "")


def _about_sessions(message: str, *, are_over: bool) -> str:
    return message if are_over else message.replace(SESSIONS_OVER, SESSIONS_END_SOON)
