"""Example bodies for the OpenAPI document."""

from typing import Any

from service.admin import delivery_schemas, schemas, user_schemas
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
    "secondFactorSince": AT,
    "groups": ["staff"],
    "claims": {"plan": "team"},
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
DELIVERY_ID = "7d2c1e9a-5b0f-4c53-8e5d-0f3a1b2c4d5e"
DELIVERY = {
    "deliveryId": DELIVERY_ID,
    "endpoint": "crm",
    "eventId": EVENT["id"],
    "type": "user.created",
    "status": "failed",
    "createdAt": AT,
    "dueAt": AT,
    "attempts": 10,
    "failedAt": AT,
    "lastReply": "503",
}

ADMIN_BODIES: dict[type[Schema], dict[str, Any]] = {
    user_schemas.CreateUser: {
        "email": "new@example.com",
        **NAMES,
        "invite": True,
        "emailVerified": False,
        "groups": ["staff"],
        "claims": {"plan": "team"},
    },
    user_schemas.ChangeUser: {
        "firstName": "Augusta",
        "addGroups": ["staff"],
        "removeGroups": [],
        "claims": {"plan": "team"},
    },
    schemas.EndEverybodys: {"confirm": schemas.EVERYBODY},
    user_schemas.User: USER,
    user_schemas.Users: {"users": [USER], "next": AFTER},
    schemas.UserSessions: {"sessions": [SESSION]},
    schemas.EndedSessions: {"sessions": 3},
    schemas.EndedEverybodys: {"sessions": 4817, "keys": 2},
    schemas.Audit: {"events": [EVENT], "next": "1795848672803727-0b7fd3a193a54a3c9b1e6a0c8f0f1f5e"},
    schemas.Keys: {"keys": [KEY]},
    schemas.RotatedKeys: {"kid": KID, "activatesAt": AT},
    delivery_schemas.Deliveries: {"deliveries": [DELIVERY], "next": DELIVERY_ID},
}
ALL_EXAMPLES = Examples(BODIES | ADMIN_BODIES, PATH_PARAMETERS | {"userId": USER_ID, "deliveryId": DELIVERY_ID})
