"""The operator of a command, as the audit trail names them."""

import os
import platform
import pwd

from service.settings import ENVIRONMENT

MOST = 100  # characters


def operator() -> str:
    """`TOKENHOUSE_OPERATOR`, or the system's user and host: `ada@bastion`. Behind sudo, the user who called it.

    It is a record, not evidence: an operator can set any name.
    """
    named = ENVIRONMENT.get("TOKENHOUSE_OPERATOR") or f"{ENVIRONMENT.get('SUDO_USER') or _user()}@{platform.node()}"
    return "".join(character if " " <= character <= "~" else "?" for character in named[:MOST])


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # containers may run as a user without a name
        return str(os.getuid())
