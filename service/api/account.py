"""What members ask about themselves."""

from aiohttp import web

from service.api import payloads, replies
from service.api.context import SERVICES
from service.domain.models import Member


async def me(request: web.Request, who: Member) -> web.Response:
    user = await request.app[SERVICES].accounts.profile(who)
    return replies.answer(
        payloads.Profile(
            user_id=user.id,
            email=user.email,
            first_name=user.first_name,
            last_name=user.last_name,
            created_at=user.created_at,
        )
    )
