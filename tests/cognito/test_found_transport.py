"""Found by attack: what small bodies cost."""

import json

from tests.cognito.conftest import Ground
from tests.support.cognito import SERVICE


async def test_an_answer_is_not_much_longer_than_its_request(ground: Ground) -> None:
    """Nobody needs to be anybody for this: shapes are checked before the token."""
    body = json.dumps({"AccessToken": "x", "UserAttributeNames": [""] * 21_000}, separators=(",", ":")).encode()
    assert len(body) < 65_536
    answer = await ground.cognito.send(f"{SERVICE}.DeleteUserAttributes", body)
    length = len(await answer.read())
    assert length < 2 * 65_536, f"{len(body)} bytes are answered with {length}"
