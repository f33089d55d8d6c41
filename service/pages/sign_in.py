"""Sign-in, its second step, and sign-out."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from aiohttp import hdrs, web

from service.domain.second_factors.challenges import LIFETIME
from service.domain.sessions.models import SignedIn
from service.errors import (
    FactorSetupRequiredError,
    InvalidChallengeError,
    InvalidCodeError,
    SecondFactorRequiredError,
)
from service.http.context import RENDERER
from service.http.fields import Text
from service.http.schema import Schema
from service.pages import proofs
from service.pages.context import Asked, AskedBy
from service.pages.cookies import CHALLENGE, SESSION
from service.pages.errors import PasskeyRefusedError
from service.pages.forms import Form
from service.pages.next_path import own_path
from service.pages.rendering import Values, WordErrors, json_answer, redirect

NOTICES = {  # by what the query says of how somebody came here
    "reset": "Your password is set. Sign in with it.",
    "out": "You are signed out.",
    "over": "That took too long, or too many codes were wrong. Sign in again.",
    "closed": "Your account is closed, and what was stored about you is gone.",
}


class SignInForm(Schema):
    email: Text
    password: Text


async def load(asked: Asked) -> Values | web.Response:
    following = own_path(asked.request.query.get("next", ""))
    if asked.page and asked.request.method == hdrs.METH_GET:
        return redirect(following)
    notice = next((words for name, words in NOTICES.items() if asked.request.query.get(name) == "1"), "")
    return {"following": following, "notice": notice}


async def submit(asked: Asked, form: Form) -> web.Response:
    asked.services.passwords.refuse_if_full(asked.visitor)
    filled = form.as_schema(SignInForm)
    login = asked.services.page_sessions.login
    following = own_path(form["next"])
    try:
        signed_in = await login.with_password(filled.email, filled.password, asked.visitor)
    except FactorSetupRequiredError as needed:
        return next_step(asked, needed, "/sign-in/set-up", following)
    except SecondFactorRequiredError as needed:
        return next_step(asked, needed, "/sign-in/code", following)
    return await welcome(asked, signed_in, following)


async def load_code(asked: Asked) -> Values | web.Response:
    """The second step of whoever gave the right password a moment ago."""
    if not asked.context.cookies.challenge(asked.request):
        return redirect("/sign-in")
    return {"following": own_path(asked.request.query.get("next", ""))}


async def submit_code(asked: Asked, form: Form) -> web.Response:
    challenge = asked.context.cookies.challenge(asked.request)
    proof = proofs.proof_of(form)
    try:
        signed_in = await asked.services.page_sessions.login.with_challenge(challenge, proof, asked.visitor)
    except InvalidChallengeError:
        return start_again(asked)
    return await welcome(asked, signed_in, own_path(form["next"]))


async def passkey_options(asked: Asked, _: Form) -> web.Response:
    """For the script: what a browser's passkey is asked, at the sign-in and wherever one may stand for a code."""
    asked.request[RENDERER] = WordErrors()
    return json_answer(await asked.services.passkeys.begin_login(asked.visitor))


async def submit_passkey(asked: Asked, form: Form) -> web.Response:
    """Both factors at once, of whoever it belongs to."""
    login = asked.services.page_sessions.login
    with taking_passkey():
        signed_in = await login.with_passkey(proofs.credential_of(form), asked.visitor)
    return await welcome(asked, signed_in, own_path(form["next"]))


async def sign_out(by: AskedBy, _: Form) -> web.Response:
    await by.services.page_sessions.end(by.page)
    return redirect("/sign-in?out=1", by.asked.context.cookies.drop(SESSION))


async def welcome(asked: Asked, signed_in: SignedIn, following: str) -> web.Response:
    return redirect(following, *await opened(asked, signed_in))


async def opened(asked: Asked, signed_in: SignedIn) -> tuple[str, str]:
    """The cookies. A session that was open in this browser before is over: its id is never that of the new one."""
    if asked.page:
        await asked.services.page_sessions.end(asked.page)
    cookies = asked.context.cookies
    return cookies.keep_session(signed_in.refresh_token), cookies.drop(CHALLENGE)


def start_again(asked: Asked) -> web.Response:
    """After a challenge that is over."""
    return redirect("/sign-in?over=1", asked.context.cookies.drop(CHALLENGE))


@contextmanager
def taking_passkey() -> Iterator[None]:
    """Raises PasskeyRefusedError for one that is not accepted: nobody asked for a code."""
    try:
        yield
    except InvalidCodeError as wrong:
        raise PasskeyRefusedError(wrong.why, user_id=wrong.user_id, session_id=wrong.session_id) from wrong


def next_step(asked: Asked, needed: SecondFactorRequiredError, path: str, following: str) -> web.Response:
    cookie = asked.context.cookies.keep_challenge(needed.challenge, LIFETIME)
    return redirect(f"{path}?next={quote(following)}", cookie)
