"""Sign-up, which signs in."""

from aiohttp import web

from service.domain.accounts.new_accounts import NewAccount
from service.errors import EmailNotVerifiedError, SecondFactorRequiredError
from service.http.fields import Email, Name, NewPassword
from service.http.languages import language_of
from service.http.schema import Schema
from service.pages import sign_in
from service.pages.context import Asked
from service.pages.forms import Form
from service.pages.next_path import DEFAULT
from service.pages.rendering import Values, redirect


class SignUpForm(Schema):
    email: Email
    first_name: Name
    last_name: Name
    password: NewPassword


async def load(asked: Asked) -> Values:
    return {"invitation": asked.request.query.get("invitation", "")}


async def submit(asked: Asked, form: Form) -> web.Response:
    services = asked.services
    services.new_accounts.registration.require_open()
    services.passwords.refuse_if_full(asked.visitor)
    filled = form.as_schema(SignUpForm)
    new = NewAccount(
        filled.email,
        filled.password,
        filled.first_name,
        filled.last_name,
        language_of(asked.request),
        invitation=form["invitation"],
    )
    await services.new_accounts.sign_up(new, asked.visitor)
    try:
        signed_in = await services.page_sessions.login.with_password(filled.email, filled.password, asked.visitor)
    except EmailNotVerifiedError:
        return redirect("/verify?sent=1")
    except SecondFactorRequiredError:
        return redirect("/sign-in")
    return await sign_in.welcome(asked, signed_in, DEFAULT)
