"""Example bodies for the OpenAPI document."""

from typing import Any

from service.admin import schemas
from service.api.examples import AT, BODIES, EMAIL, NAMES, PATH_PARAMETERS, SESSION_ID, USER_ID, Examples
from service.http.schema import Schema

KID = "5Bz9nN0p1yqjUqkzb6qC3hYl2n8m7o0vWQb5cE4rT1s"
AFTER = "YWRhQGV4YW1wbGUuY29t"
USER = {
    "userId": USER_ID,
    "email": EMAIL,
    "canonicalEmail": EMAIL,
    **NAMES,
    "createdAt": AT,
    "passwordChangedAt": AT,
    "hasPassword": True,
    "emailVerifiedAt": AT,
    "groups": ["staff"],
}
SESSION = {
    "sessionId": SESSION_ID,
    "createdAt": AT,
    "lastUsedAt": AT,
    "ip": "203.0.113.0/24",
    "userAgent": "Mozilla/5.0",
    "clientId": "",
}
EVENT = {
    "id": "0b7fd3a1-93a5-4a3c-9b1e-6a0c8f0f1f5e",
    "time": AT,
    "event": "user_updated",
    "outcome": "success",
    "reason": "groups_changed",
    "userId": USER_ID,
    "sessionId": "",
    "account": "",
    "kid": "",
    "source": "203.0.113.0/24",
    "operator": "token:ci",
    "requestId": "OnX9P-eCI_mf4axWtpVLttyg",
}
KEY = {"kid": KID, "algorithm": "RS256", "state": "active", "createdAt": AT, "activatesAt": AT}

ADMIN_BODIES: dict[type[Schema], dict[str, Any]] = {
    schemas.CreateUser: {"email": "new@example.com", **NAMES, "emailVerified": False, "invite": True},
    schemas.ChangeUser: {"firstName": "Augusta", "addGroups": ["staff"], "removeGroups": []},
    schemas.EndEverybodys: {"confirm": schemas.EVERYBODY},
    schemas.User: USER,
    schemas.Users: {"users": [USER], "next": AFTER},
    schemas.UserSessions: {"sessions": [SESSION]},
    schemas.EndedSessions: {"sessions": 3},
    schemas.EndedEverybodys: {"sessions": 4817, "keys": 2},
    schemas.Audit: {"events": [EVENT], "next": "1795848672803727-0b7fd3a193a54a3c9b1e6a0c8f0f1f5e"},
    schemas.Keys: {"keys": [KEY]},
    schemas.RotatedKeys: {"kid": KID, "activatesAt": AT},
}
ALL_EXAMPLES = Examples(BODIES | ADMIN_BODIES, PATH_PARAMETERS | {"userId": USER_ID})
