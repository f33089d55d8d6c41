"""The audit trail and the signing keys."""

from aiohttp import web

from service.admin import schemas
from service.api.context import SERVICES
from service.api.description import Description, Returns, Tag
from service.domain.administration.models import AdminToken
from service.errors import NotConfiguredError
from service.http import query
from service.http.cursors import TrailCursor
from service.http.responses import json_response


@Description(
    tag=Tag.ADMINISTRATION,
    summary="The audit trail, the newest event first",
    description="Written within a second of each event. Of a user, the attempts to log in at the account's address are "
    "among them. Of one user and one name, a page may have fewer events than `limit`, even none, and yet a `next`.",
    query=schemas.AuditQuery,
    returns=Returns(body=schemas.Audit),
    refuses=(NotConfiguredError,),
)
async def audit(request: web.Request, _: AdminToken) -> web.Response:
    asked = query.read(request, schemas.AuditQuery)
    page = await request.app[SERVICES].oversight.audit(asked.user, asked.name, asked.since, asked.limit, asked.after)
    after = TrailCursor.write(page.next) if page.next else None
    return json_response(schemas.Audit(events=[schemas.AuditEntry.of(one) for one in page.entries], next=after))


@Description(
    tag=Tag.ADMINISTRATION,
    summary="The signing keys, the newest first",
    description="With their states, which docs/keys.md explains, and without the keys themselves.",
    returns=Returns(body=schemas.Keys),
)
async def keys(request: web.Request, _: AdminToken) -> web.Response:
    held = await request.app[SERVICES].oversight.keys()
    return json_response(schemas.Keys(keys=[schemas.Key.of(key, state) for key, state in held]))


@Description(
    tag=Tag.ADMINISTRATION,
    summary="Rotate the signing keys",
    description="The next key signs as soon as every verifier has heard of it. A rotation that is planned is kept. "
    "A key that has leaked is ended by the command.",
    returns=Returns(body=schemas.RotatedKeys),
)
async def rotate_keys(request: web.Request, token: AdminToken) -> web.Response:
    key = await request.app[SERVICES].oversight.rotate_keys(token.actor)
    return json_response(schemas.RotatedKeys(kid=key.kid, activates_at=key.activates_at))
