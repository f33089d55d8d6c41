"""Mail: whether it is configured, and whether its server can be counted on."""

from service.doctor.finding import Finding, ok, problem, warning
from service.doctor.loopback import is_loopback
from service.domain.mail.models import OutboxState

CHECK = "mail"
OLD = 900.0  # seconds


def judge_absence(*, is_verification_required: bool) -> Finding:
    if is_verification_required:
        return problem(
            CHECK,
            "none, and mail.verification is required: nobody who signs up can log in",
            "set TOKENHOUSE_MAIL__URL, or mail.verification to optional",
        )
    return ok(CHECK, "none: passwords cannot be reset, and nobody is told of changes")


def judge_inbox() -> Finding:
    return warning(CHECK, "kept in the database instead of being sent", "set TOKENHOUSE_MAIL__URL to a mail server")


def judge_server(host: str, *, is_encrypted: bool) -> Finding:
    if is_encrypted or is_loopback(host):
        return ok(CHECK, f"{host} answers{', over TLS' if is_encrypted else ''}")
    return warning(
        CHECK,
        f"{host} answers without TLS: codes can be read on the way",
        "use smtps://, or a server that offers STARTTLS",
    )


def judge_silence(host: str, why: str) -> Finding:
    return problem(CHECK, f"{host} takes no mail: {why}", "is it up, and is TOKENHOUSE_MAIL__URL right?")


def judge_outbox(state: OutboxState) -> Finding:
    check, seconds = "mail.outbox", state.oldest.total_seconds()
    if seconds > OLD:
        said = f"{state.waiting} wait, the oldest for {seconds / 60:.0f} min"
        return warning(check, said, "see the line about mail, and `mail` in the logs of the instances")
    if state.failed:
        said = f"{state.failed} given up in the last days; the latest reply: {state.last_reply or 'none'}"
        return warning(check, said, "look at the replies (docs/mail.md)")
    return ok(check, f"{state.waiting} wait")
