"""The route table: every call with its guard. Parameters and responses are described at the handlers."""

from service.api import (
    account,
    api_keys,
    auth,
    docs,
    factors,
    forward_auth,
    health,
    introspection,
    passkeys,
    recovery,
    revocation_feed,
    sessions,
    well_known,
)
from service.api.guards import Cost, anyone, anyone_or_bearer, bearer, member, resource_server
from service.api.operation import delete, get, patch, post

OPERATIONS = (
    post("/auth/signup", anyone(auth.sign_up)),
    post("/auth/login", anyone(auth.login)),
    post("/auth/login/challenge", anyone(auth.answer_challenge)),
    post("/auth/login/totp", anyone(auth.begin_totp)),
    post("/auth/login/totp/confirm", anyone(auth.confirm_totp)),
    post("/auth/login/passkey/options", anyone(passkeys.login_options)),
    post("/auth/login/passkey", anyone(passkeys.login)),
    post("/auth/refresh", anyone(auth.refresh)),
    post("/auth/logout", bearer(auth.logout, Cost.ONCE)),
    # forgotten passwords, and proofs of an address
    post("/auth/forgot", anyone(recovery.forgot)),
    post("/auth/reset", anyone(recovery.reset)),
    post("/auth/email/verification", bearer(recovery.verification, Cost.MAILS)),
    post("/auth/email/verify", anyone_or_bearer(recovery.verify, Cost.CODES)),
    post("/auth/email", bearer(recovery.change, Cost.PASSWORD)),
    post("/auth/email/confirm", anyone_or_bearer(recovery.confirm, Cost.CODES)),
    post("/auth/email/undo", anyone(recovery.undo)),
    # the caller's account
    get("/auth/me", member(account.me, Cost.LOOK_UPS)),
    patch("/auth/me", bearer(account.change_names, Cost.PROFILE)),
    delete("/auth/me", bearer(account.close, Cost.PASSWORD)),
    post("/auth/password", bearer(account.change_password, Cost.PASSWORD)),
    post("/auth/api-key", bearer(account.rotate_api_key, Cost.ROTATION)),
    get("/auth/api-keys", bearer(api_keys.all_of, Cost.LIST)),
    post("/auth/api-keys", bearer(api_keys.make, Cost.ROTATION)),
    delete("/auth/api-keys/{keyId}", bearer(api_keys.end, Cost.END)),
    get("/auth/export", bearer(account.export, Cost.EXPORT)),
    # the caller's second factors
    get("/auth/factors", bearer(factors.all_of, Cost.LIST)),
    post("/auth/factors/totp", bearer(factors.begin_totp, Cost.PASSWORD)),
    post("/auth/factors/totp/confirm", bearer(factors.confirm_totp, Cost.PASSWORD)),
    delete("/auth/factors/totp", bearer(factors.remove_totp, Cost.PASSWORD)),
    post("/auth/factors/recovery-codes", bearer(factors.replace_recovery_codes, Cost.PASSWORD)),
    post("/auth/factors/passkeys/options", bearer(passkeys.registration_options, Cost.PASSWORD)),
    post("/auth/factors/passkeys", bearer(passkeys.add, Cost.PASSWORD)),
    patch("/auth/factors/passkeys/{passkeyId}", bearer(passkeys.rename, Cost.PROFILE)),
    delete("/auth/factors/passkeys/{passkeyId}", bearer(passkeys.remove, Cost.PASSWORD)),
    # the caller's sessions
    get("/auth/sessions", bearer(sessions.all_of, Cost.LIST)),
    delete("/auth/sessions", bearer(sessions.end_all, Cost.END)),
    delete("/auth/sessions/{sessionId}", bearer(sessions.end, Cost.END)),
    # for services and proxies that verify tokens
    get("/auth/verify", member(forward_auth.verify, Cost.LOOK_UPS)),
    post("/auth/introspect", resource_server(introspection.introspect, Cost.LOOK_UPS)),
    post("/auth/revoke", anyone(introspection.revoke)),
    get("/auth/revocations", anyone(revocation_feed.revocations)),
    get("/.well-known/jwks.json", anyone(well_known.jwks)),
    get("/.well-known/openid-configuration", anyone(well_known.discovery)),
    # for orchestrators and load balancers
    get("/healthz", anyone(health.healthz)),
    get("/readyz", anyone(health.readyz)),
    get("/openapi.json", anyone(docs.openapi)),
    get("/docs", anyone(docs.page)),
    get("/docs/{file}", anyone(docs.asset)),
)
