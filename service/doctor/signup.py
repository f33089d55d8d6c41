"""Who may sign up: whether anybody can get an account at all."""

from typing import Literal

from service.doctor.finding import Finding, ok, warning

CHECK = "signup"


def judge(mode: Literal["open", "invited", "closed"], *, has_mail: bool, has_accounts: bool) -> Finding:
    if mode == "open":
        return ok(CHECK, "everybody")
    who = "nobody" if mode == "closed" else "whoever has an invitation"
    if has_accounts:
        return ok(CHECK, who if mode == "closed" or has_mail else f"{who}; without mail, operators pass its link on")
    advice = "tokenhouse users create EMAIL" if mode == "closed" else "tokenhouse invitations new"
    return warning(CHECK, f"{who}, and there is no account yet", f"open the first ones: {advice}")
