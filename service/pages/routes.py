"""Every page on one page: its path, what it shows, and its forms."""

from service.pages import account, front, recover, sessions, sign_in, sign_up
from service.pages.admin.routes import ADMIN_PAGES
from service.pages.guards import action, open_action, shown
from service.pages.page import Page

ALL = (
    Page(path="/", template="front.html", load=front.load),
    Page(
        path="/sign-in",
        template="sign_in.html",
        load=sign_in.load,
        forms={"": open_action(sign_in.submit, hashes=True)},
    ),
    Page(
        path="/sign-in/code",
        template="code.html",
        load=sign_in.load_code,
        forms={"": open_action(sign_in.submit_code)},
    ),
    Page(
        path="/sign-up",
        template="sign_up.html",
        load=sign_up.load,
        forms={"": open_action(sign_up.submit, hashes=True)},
    ),
    Page(path="/forgot", template="forgot.html", load=recover.load, forms={"": open_action(recover.forgot)}),
    Page(path="/reset", template="reset.html", load=recover.load, forms={"": open_action(recover.reset, hashes=True)}),
    Page(path="/verify", template="verify.html", load=recover.load, forms={"": open_action(recover.verify)}),
    Page(
        path="/email/confirm",
        template="confirm_email.html",
        load=recover.load,
        forms={"": open_action(recover.confirm_email)},
    ),
    Page(
        path="/email/undo",
        template="undo_email.html",
        load=recover.load,
        forms={"": open_action(recover.undo_email, hashes=True)},
    ),
    Page(
        path="/account",
        template="account.html",
        load=shown(account.load),
        forms={"/names": action(account.change_names), "/sign-out": action(sign_in.sign_out)},
    ),
    Page(
        path="/account/sessions",
        template="sessions.html",
        load=shown(sessions.load),
        forms={"/end": action(sessions.end), "/end-others": action(sessions.end_others)},
    ),
    *ADMIN_PAGES,
)
