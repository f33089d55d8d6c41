"""Example bodies for the OpenAPI document. Those of requests work in sequence, from sign-up on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.api import api_key_schemas, factor_schemas, passkey_schemas, profile_schemas, recovery_schemas, schemas
from service.http import account_schemas
from service.http.schema import Schema

USER_ID = "defbe635-5fa7-42e7-b263-b4bdaefe2e4f"
PASSKEY_ID = "AQIDBAUGBwgJCgsMDQ4PEA"
KEY_ID = "0b7fd3a1-93a5-4a3c-9b1e-6a0c8f0f1f5e"
SESSION_ID = "PdoTViJ165QP_lKTuRaWsGEN"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJkZWZiZTYzNSJ9.c2lnbmF0dXJl"  # noqa: S105 - it opens nothing
REFRESH_TOKEN = "rt_the_refreshToken_of_your_login"  # noqa: S105 - as above
MAIL_TOKEN = "mu_the_token_of_the_link_in_your_mail"  # noqa: S105 - as above
MAIL_CODE = "48151623"
API_KEY = "ak_the_apiKey_of_your_login"
EMAIL = "ada@example.com"
PASSWORD = "SecurePass1!"  # noqa: S105 - of a person who does not exist
FIRST_NAME, LAST_NAME = "Ada", "Lovelace"
AT = "2026-11-24T06:51:12.803727Z"
NAMES = {"firstName": FIRST_NAME, "lastName": LAST_NAME}
CODE = "492039"
CHALLENGE = f"ch_{'5d' * 32}"
RECOVERY_CODES = ["8Q1T-5ZKW-0YBR-MN3C", "V7XE-2HJD-94PG-KS6A"]
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"  # noqa: S105 - of nobody
SESSION = {
    "sessionId": SESSION_ID,
    "createdAt": AT,
    "lastUsedAt": AT,
    "ip": "203.0.113.0/24",
    "userAgent": "Mozilla/5.0",
    "current": True,
}
PASSKEY = {"passkeyId": PASSKEY_ID, "name": "My phone", "createdAt": AT, "backedUp": True}
FACTORS = {"totp": {"since": AT}, "passkeys": [PASSKEY], "recoveryCodesLeft": 10}
REGISTRATION = {
    "rp": {"id": "auth.example.com", "name": "auth.example.com"},
    "user": {"id": "3r5jXV-nQuejsmO0vaovTi9M", "name": EMAIL, "displayName": "Ada Lovelace"},
    "challenge": "pXtyJ1bG3dQ0mT8vYcW2zR5kLhN7sUaE4fBiOoVjDgM",
    "pubKeyCredParams": [{"type": "public-key", "alg": -7}],
    "timeout": 300_000,
    "excludeCredentials": [],
    "authenticatorSelection": {
        "residentKey": "required",
        "requireResidentKey": True,
        "userVerification": "required",
    },
    "attestation": "none",
}
CREDENTIAL = {
    "id": PASSKEY_ID,
    "rawId": PASSKEY_ID,
    "type": "public-key",
    "response": {"clientDataJSON": "eyJ0eXBlIjoi…", "…": "…"},
    "clientExtensionResults": {},
}
NAMED_KEY = {
    "keyId": KEY_ID,
    "name": "Build server",
    "prefix": "nk_4fTq0Zr8",
    "scopes": ["deploy"],
    "rate": "60/1m",
    "createdAt": AT,
    "expiresAt": "2027-02-22T06:51:12.803727Z",
}

BODIES: dict[type[Schema], dict[str, Any]] = {
    schemas.SignUp: {"email": EMAIL, "password": PASSWORD, **NAMES},
    schemas.SignedUp: {
        "message": "The account is ready. Log in to get tokens.",
        "userId": USER_ID,
        "apiKey": API_KEY,
    },
    schemas.Login: {"email": EMAIL, "password": PASSWORD},
    schemas.SignedIn: {
        "idToken": TOKEN,
        "accessToken": TOKEN,
        "refreshToken": REFRESH_TOKEN,
        "apiKey": API_KEY,
        **NAMES,
        "email": EMAIL,
    },
    schemas.SignedInWithFactor: {
        "idToken": TOKEN,
        "accessToken": TOKEN,
        "refreshToken": REFRESH_TOKEN,
        "apiKey": API_KEY,
        **NAMES,
        "email": EMAIL,
        "recoveryCodes": RECOVERY_CODES,
    },
    factor_schemas.SetUpTotp: {"challenge": CHALLENGE},
    factor_schemas.FinishTotp: {"challenge": CHALLENGE, "code": CODE},
    factor_schemas.AnswerChallenge: {"challenge": CHALLENGE, "code": CODE},
    factor_schemas.ConfirmWithPassword: {"password": PASSWORD, "code": CODE},
    factor_schemas.TotpSecret: {
        "secret": TOTP_SECRET,
        "uri": f"otpauth://totp/auth.example.com:ada%40example.com?secret={TOTP_SECRET}&issuer=auth.example.com",
    },
    factor_schemas.ConfirmTotp: {"code": CODE},
    factor_schemas.RecoveryCodes: {"recoveryCodes": RECOVERY_CODES},
    account_schemas.Factors: FACTORS,
    factor_schemas.Proving: {"code": CODE},
    schemas.Refresh: {"refreshToken": REFRESH_TOKEN},
    schemas.Refreshed: {"idToken": TOKEN, "accessToken": TOKEN},
    schemas.Logout: {"accessToken": TOKEN},
    recovery_schemas.Forgot: {"email": EMAIL},
    recovery_schemas.Reset: {"email": EMAIL, "code": MAIL_CODE, "newPassword": "Another-Pass2!", "revokeApiKey": False},
    recovery_schemas.VerifyEmail: {"email": EMAIL, "code": MAIL_CODE},
    recovery_schemas.ChangeEmail: {"newEmail": "countess@example.com", "password": PASSWORD},
    recovery_schemas.ConfirmEmail: {"code": MAIL_CODE},
    recovery_schemas.UndoEmail: {"token": MAIL_TOKEN},
    recovery_schemas.CurrentEmail: {"email": "countess@example.com"},
    schemas.Message: {"message": "Done."},  # each call's own stands in its description
    profile_schemas.Profile: {"userId": USER_ID, "email": EMAIL, **NAMES, "createdAt": AT},
    schemas.Sessions: {"sessions": [SESSION]},
    profile_schemas.ChangeNames: {"firstName": FIRST_NAME},
    api_key_schemas.MakeNamedKey: {"name": "Build server", "expiresIn": 7776000, "scopes": ["deploy"], "rate": "60/1m"},
    api_key_schemas.NamedKeyMade: {**NAMED_KEY, "apiKey": "nk_shown_this_once"},
    api_key_schemas.NamedKeys: {"apiKeys": [NAMED_KEY]},
    passkey_schemas.RegistrationOptions: REGISTRATION,
    passkey_schemas.AddPasskey: {"credential": CREDENTIAL, "name": "My phone"},
    passkey_schemas.PasskeyAdded: {"passkeyId": PASSKEY_ID, "name": "My phone", "recoveryCodes": RECOVERY_CODES},
    passkey_schemas.RenamePasskey: {"name": "My old phone"},
    passkey_schemas.AssertionOptions: {
        "challenge": "pXtyJ1bG3dQ0mT8vYcW2zR5kLhN7sUaE4fBiOoVjDgM",
        "timeout": 300_000,
        "rpId": "auth.example.com",
        "userVerification": "required",
    },
    passkey_schemas.PasskeyLogin: {"credential": CREDENTIAL},
    schemas.ChangePassword: {"currentPassword": PASSWORD, "newPassword": "Another-Pass2!"},
    schemas.ApiKey: {"apiKey": API_KEY},
    account_schemas.Export: {
        "userId": USER_ID,
        "email": EMAIL,
        "canonicalEmail": EMAIL,
        **NAMES,
        "createdAt": AT,
        "passwordChangedAt": AT,
        "emailVerified": False,
        "groups": [],
        "claims": {},
        "attributes": {},
        "apiKeys": [],
        "factors": FACTORS,
        "sessions": [SESSION],
        "endedSessions": [{"sessionId": "KvN_z2gdxCqH9-aYt1wPm0Lb", "rememberedUntil": AT}],
    },
    schemas.CloseAccount: {"password": PASSWORD},
    schemas.Token: {"token": REFRESH_TOKEN},
    schemas.Introspected: {
        "active": True,
        "iss": "https://auth.example.com",
        "sub": USER_ID,
        "aud": "tokenhouse",
        "token_type": "Bearer",
        "client_id": "tokenhouse",
        "username": USER_ID,
        "token_use": "id",
        "iat": 1795848672,
        "exp": 1795852272,
        "jti": "n1ZP2kC0UjqEyV8sT5aRwXdL",
        "origin_jti": SESSION_ID,
    },
    schemas.Health: {"status": "ok"},
    schemas.Readiness: {"status": "ok", "postgres": "ok", "redis": "ok", "passwords": "lanes"},
}

OTHER_BODIES: dict[str, Any] = {  # of calls whose response has no schema, by path
    "/auth/revocations": TOKEN,
    "/.well-known/jwks.json": {
        "keys": [{"kty": "RSA", "n": "0vx7agoebGcQSuu…", "e": "AQAB", "kid": "5Bz9…", "use": "sig", "alg": "RS256"}]
    },
    "/.well-known/openid-configuration": {
        "issuer": "https://auth.example.com",
        "jwks_uri": "https://auth.example.com/.well-known/jwks.json",
        "introspection_endpoint": "https://auth.example.com/auth/introspect",
        "revocation_endpoint": "https://auth.example.com/auth/revoke",
        "response_types_supported": [],
        "grant_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "claims_supported": ["iss", "sub", "aud", "exp"],
    },
    "/openapi.json": {"openapi": "3.1.1", "info": {"title": "Tokenhouse", "version": "0.1.0"}, "paths": {}},
    "/docs": "<!doctype html>…",
    "/docs/{file}": "/* the file */",
}

PROBLEM_MEMBERS: dict[str, dict[str, Any]] = {
    "second_factor_required": {"factors": ["totp", "recovery_code"]}
}  # by code
PROBLEM_MEMBERS_OF_CALLS: dict[tuple[str, str], dict[str, Any]] = {
    ("/auth/login", "second_factor_required"): {"challenge": CHALLENGE, "expiresIn": 300}
}

PATH_PARAMETERS = {
    "sessionId": SESSION_ID,
    "keyId": KEY_ID,
    "passkeyId": PASSKEY_ID,
    "file": "swagger-ui.css",
}


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Those of the calls of one document."""

    bodies: Mapping[type[Schema], Mapping[str, Any]]
    path_parameters: Mapping[str, str]


EXAMPLES = Examples(BODIES, PATH_PARAMETERS)
