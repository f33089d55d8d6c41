"""Cognito's protocol: what its clients expect of the settings that they share with everything else."""

import re
from urllib.parse import urlsplit

from service.doctor.finding import Finding, ok, warning
from service.doctor.loopback import is_loopback
from service.settings import Settings, keeps_mails

CHECK = "cognito"
OF_ANOTHER_POOL = re.compile(r"/[A-Za-z0-9-]+_[0-9A-Za-z]+$")  # the last part of an issuer
EXPECTED = "RS256"  # Cognito signs with no other: pycognito and others refuse them


def judge(settings: Settings) -> list[Finding]:
    cognito = settings.cognito
    if not cognito.enabled:
        return [ok(CHECK, "off")]
    clients = f"{1 + len(cognito.clients)} app clients" if cognito.clients else settings.tokens.client_id
    return [
        ok(CHECK, f"pool {cognito.pool_id}, {clients}"),
        _issuer(settings),
        _algorithm(settings),
        _transport(settings),
        _sign_up(settings),
    ]


def _issuer(settings: Settings) -> Finding:
    check, issuer, end = f"{CHECK}.issuer", settings.tokens.issuer, f"/{settings.cognito.pool_id}"
    if issuer.rstrip("/").endswith(end):
        return ok(check, f"ends in {end}: clients that verify tokens accept it")
    base = OF_ANOTHER_POOL.sub("", issuer.rstrip("/"))
    return warning(
        check,
        f"does not end in {end}: clients that verify tokens, as pycognito does, refuse every login",
        f"set TOKENHOUSE_TOKENS__ISSUER={base}{end} if there are such; older tokens are refused then",
    )


def _algorithm(settings: Settings) -> Finding:
    check, algorithm = f"{CHECK}.algorithm", settings.tokens.algorithm
    if algorithm.partition("-")[0] == EXPECTED:
        return ok(check, algorithm)
    return warning(
        check,
        f"{algorithm}: clients that verify tokens know {EXPECTED} alone",
        f"set TOKENHOUSE_TOKENS__ALGORITHM={EXPECTED}, or let nothing but your own verifiers check tokens",
    )


def _transport(settings: Settings) -> Finding:
    check, issuer = f"{CHECK}.tls", urlsplit(settings.tokens.issuer)
    if issuer.scheme == "https" or is_loopback(issuer.hostname or ""):
        return ok(check, "its clients send passwords and tokens over TLS, or to this machine")
    return warning(
        check,
        "passwords and tokens travel in bodies without TLS: unlike signed calls of AWS, these have no other protection",
        "serve over https:// (server.tls_certificate, or a proxy) and say so in TOKENHOUSE_TOKENS__ISSUER",
    )


def _sign_up(settings: Settings) -> Finding:
    check = f"{CHECK}.sign_up"
    if settings.cognito.confirm_signup and keeps_mails(settings.mail):
        return warning(
            check,
            "asks for a mailed code, and mails are kept instead of being sent",
            "set TOKENHOUSE_MAIL__URL to a mail server, or cognito.confirm_signup to false",
        )
    if settings.cognito.confirm_signup:
        return ok(check, "asks for a mailed code")
    if not settings.mail.url.get_secret_value():
        return warning(
            check,
            "no mail: ForgotPassword and every other call that mails a code is refused",
            "set TOKENHOUSE_MAIL__URL",
        )
    return ok(check, "accounts are active at once, as at /auth/signup")
