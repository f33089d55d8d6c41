"""The front page: what this instance is, and where things are."""

from service.pages.context import Asked
from service.pages.rendering import Values


async def load(asked: Asked) -> Values:
    return {"more": asked.context.more}
