"""The route table: every call with the scope that it needs."""

from service.admin import oversight, sessions, users
from service.admin.guard import admin
from service.api.operation import delete, get, patch, post
from service.domain.administration.models import AdminScope

ADMIN_OPERATIONS = (
    get("/admin/users", admin(users.all_of, AdminScope.USERS_READ)),
    post("/admin/users", admin(users.create, AdminScope.USERS_WRITE)),
    get("/admin/users/{userId}", admin(users.one, AdminScope.USERS_READ)),
    patch("/admin/users/{userId}", admin(users.change, AdminScope.USERS_WRITE)),
    delete("/admin/users/{userId}", admin(users.remove, AdminScope.USERS_WRITE)),
    post("/admin/users/{userId}/disable", admin(users.disable, AdminScope.USERS_WRITE)),
    post("/admin/users/{userId}/enable", admin(users.enable, AdminScope.USERS_WRITE)),
    post("/admin/users/{userId}/reset", admin(users.send_reset, AdminScope.USERS_WRITE)),
    delete("/admin/users/{userId}/factors", admin(users.remove_factors, AdminScope.USERS_WRITE)),
    get("/admin/users/{userId}/sessions", admin(sessions.all_of, AdminScope.USERS_READ)),
    delete("/admin/users/{userId}/sessions", admin(sessions.end_all, AdminScope.SESSIONS_END)),
    delete("/admin/users/{userId}/sessions/{sessionId}", admin(sessions.end, AdminScope.SESSIONS_END)),
    post("/admin/sessions/end-all", admin(sessions.end_everybodys, AdminScope.SESSIONS_END)),
    get("/admin/audit", admin(oversight.audit, AdminScope.AUDIT_READ)),
    get("/admin/keys", admin(oversight.keys, AdminScope.KEYS_READ)),
    post("/admin/keys/rotate", admin(oversight.rotate_keys, AdminScope.KEYS_ROTATE)),
)
