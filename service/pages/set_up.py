"""The authenticator app of an account that must have one, set up at its sign-in."""

from aiohttp import web

from service.errors import InvalidChallengeError, InvalidCodeError
from service.pages import sign_in
from service.pages.context import Asked
from service.pages.factors import CodeOfAppForm
from service.pages.forms import Form
from service.pages.new_totp import ShownTotp
from service.pages.next_path import own_path

CONFIRM = "/sign-in/set-up/confirm"


async def begin(asked: Asked, form: Form) -> web.Response:
    """A new secret, in place of one that was begun before."""
    challenge = asked.context.cookies.challenge(asked.request)
    try:
        new = await asked.services.page_factor_setup.begin(challenge, asked.visitor)
    except InvalidChallengeError:
        return sign_in.start_again(asked)
    values = {"totp": ShownTotp.of(new), "confirm": CONFIRM, "following": own_path(form["next"])}
    return asked.answer("new_totp.html", values)


async def finish(asked: Asked, form: Form) -> web.Response:
    """The QR code is drawn again for a wrong code alone: a challenge takes few of them, and strangers none."""
    setup, following = asked.services.page_factor_setup, own_path(form["next"])
    challenge = asked.context.cookies.challenge(asked.request)
    values = {"totp": ShownTotp.again(form, is_drawn=False), "confirm": CONFIRM, "following": following}
    asked.show_refusals_on("new_totp.html", values, form)
    filled = form.as_schema(CodeOfAppForm)
    try:
        signed_in, codes = await setup.finish(challenge, filled.code, asked.visitor)
    except InvalidChallengeError:
        return sign_in.start_again(asked)
    except InvalidCodeError:
        asked.show_refusals_on("new_totp.html", {**values, "totp": ShownTotp.again(form)}, form)
        raise
    shown_once = {"codes": codes, "following": following}
    return asked.answer("recovery_codes.html", shown_once, *await sign_in.opened(asked, signed_in))
