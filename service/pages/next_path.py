"""Where to go after the sign-in: to a page of ours alone."""

import re

DEFAULT = "/account"
OWN = re.compile(r"/(?:account|admin)(?:/[A-Za-z0-9_-]+)*", re.ASCII)


def own_path(text: str) -> str:
    """`text` where it is the path of a page for people who are signed in, otherwise that of the account.

    It is not judged by what could be wrong with it (`//host`, `/\\host`, a tab in between), but by what it must be.
    """
    return text if OWN.fullmatch(text) else DEFAULT
