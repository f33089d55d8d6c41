"""Every page on one page: its path, what it shows, and its forms."""

from service.pages import (
    account,
    api_keys,
    close,
    email,
    export,
    factors,
    front,
    passkeys,
    password,
    proofs,
    recover,
    sessions,
    set_up,
    sign_in,
    sign_up,
)
from service.pages.admin.routes import ADMIN_PAGES
from service.pages.guards import action, open_action, shown
from service.pages.page import Page

ALL = (
    Page(path="/", template="front.html", load=front.load),
    Page(
        path="/sign-in",
        template="sign_in.html",
        load=sign_in.load,
        forms={
            "": open_action(sign_in.submit, hashes=True),
            "/passkey": open_action(sign_in.submit_passkey),
            "/passkey-options": open_action(sign_in.passkey_options),
        },
    ),
    Page(
        path="/sign-in/code",
        template="code.html",
        load=sign_in.load_code,
        forms={"": open_action(sign_in.submit_code)},
    ),
    Page(
        path="/sign-in/set-up",
        template="set_up.html",
        load=sign_in.load_code,
        forms={"": open_action(set_up.begin), "/confirm": open_action(set_up.finish)},
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
        forms={"/names": action(account.change_names), "/sign-out": action(sign_in.sign_out, is_free=True)},
    ),
    Page(
        path="/account/sessions",
        template="sessions.html",
        load=shown(sessions.load),
        forms={"/end": action(sessions.end), "/end-others": action(sessions.end_others)},
    ),
    Page(
        path="/account/password",
        template="password.html",
        load=shown(password.load),
        forms={"": action(password.submit)},
    ),
    Page(
        path="/account/email",
        template="email.html",
        load=shown(email.load),
        forms={"": action(email.ask), "/proof": action(email.ask_proof)},
    ),
    Page(
        path="/account/email/code",
        template="email_code.html",
        load=shown(email.load_code),
        forms={"": action(email.confirm)},
    ),
    Page(
        path="/account/api-keys",
        template="api_keys.html",
        load=shown(api_keys.load),
        forms={"/end": action(api_keys.end)},
    ),
    Page(
        path="/account/api-keys/show",
        template="show_api_key.html",
        load=shown(proofs.load),
        forms={"": action(api_keys.show)},
    ),
    Page(
        path="/account/api-keys/replace",
        template="replace_api_key.html",
        load=shown(proofs.load),
        forms={"": action(api_keys.replace)},
    ),
    Page(
        path="/account/api-keys/new",
        template="new_api_key.html",
        load=shown(proofs.load),
        forms={"": action(api_keys.make)},
    ),
    Page(path="/account/factors", template="factors.html", load=shown(factors.load)),
    Page(
        path="/account/factors/totp",
        template="totp.html",
        load=shown(factors.load_totp),
        forms={
            "": action(factors.begin_totp),
            "/confirm": action(factors.confirm_totp),
            "/remove": action(factors.remove_totp),
        },
    ),
    Page(
        path="/account/factors/recovery-codes",
        template="replace_recovery_codes.html",
        load=shown(proofs.load),
        forms={"": action(factors.replace_recovery_codes)},
    ),
    Page(
        path="/account/factors/passkeys/new",
        template="name_passkey.html",
        load=shown(proofs.load),
        forms={"": action(passkeys.begin), "/add": action(passkeys.add)},
    ),
    Page(
        path="/account/factors/passkey",
        template="passkey.html",
        load=shown(passkeys.load_one),
        forms={"/rename": action(passkeys.rename), "/remove": action(passkeys.remove)},
    ),
    Page(path="/account/export", template="", load=shown(export.load)),
    Page(path="/account/close", template="close.html", load=shown(close.load), forms={"": action(close.submit)}),
    *ADMIN_PAGES,
)
