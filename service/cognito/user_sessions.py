"""Sessions of a user: one for each login, as at /auth/sessions."""

import hashlib

from service.cognito.call import Answer, Call
from service.cognito.errors import CognitoError
from service.cognito.pages import page
from service.domain.models import Caller, Session

MOST = 125  # of one page
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
LENGTH = 25


async def sign_out(call: Call, caller: Caller) -> Answer:
    await call.services.sessions.end_all(caller)
    return {}


async def all_of(call: Call, caller: Caller) -> Answer:
    held = await call.services.sessions.all_of(caller)
    shown, following = page(call, {session_id(one.id): one for one in held}, MOST)
    own = call.services.sessions.settings.client_id
    return {"Sessions": [_described(one, caller, own) for one in shown], "NextToken": following}


async def revoke(call: Call, caller: Caller) -> Answer:
    """`RevokeAssociatedSessions` changes nothing: no session is linked to another."""
    sessions, wanted = call.services.sessions, call.text("SessionId")
    named = next((one for one in await sessions.ids(caller) if session_id(one) == wanted), None)
    if named is None:
        raise CognitoError("ResourceNotFound", "Session does not exist.")
    await sessions.end_one(caller, named)
    return {}


def session_id(ours: str) -> str:
    """129 bits of SHA-256 as the protocol writes a session's id."""
    number = int.from_bytes(hashlib.sha256(ours.encode()).digest())
    digits = []
    for _ in range(LENGTH):
        number, digit = divmod(number, len(DIGITS))
        digits.append(DIGITS[digit])
    return "tkn" + "".join(digits)


def _described(session: Session, caller: Caller, own_client: str) -> dict[str, object]:
    return {
        "SessionId": session_id(session.id),
        "SessionType": "TOKEN",
        "ClientId": session.client_id or own_client,
        "CreateDate": session.started_at.timestamp(),
        "LastActiveDate": session.last_used_at.timestamp(),
        "DeviceType": session.user_agent,
        "LastIPAddress": session.source,
        "IsCurrentSession": session.id == caller.session_id,
    }
