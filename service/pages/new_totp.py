"""A new secret of an authenticator app, as a page shows it."""

import re
from dataclasses import dataclass
from typing import Self

from service.domain.accounts.factors import NewTotp
from service.pages.forms import Form

URI = re.compile(r"otpauth://totp/[!-~]{1,400}\?secret=([A-Z2-7]{16,64})(?:&[!-~]{0,400})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class ShownTotp:
    secret: str
    uri: str
    is_drawn: bool = True  # as a QR code, which takes up to 60 ms

    @classmethod
    def of(cls, new: NewTotp) -> Self:
        return cls(new.secret, new.uri)

    @classmethod
    def again(cls, form: Form, *, is_drawn: bool = True) -> Self | None:
        """That which the page before showed, as its form sent it back: after a wrong code it is needed again.

        It is shown, and nothing else is done with it: the secret that counts is kept on this side.
        """
        found = URI.fullmatch(form["uri"])
        return cls(found[1], form["uri"], is_drawn) if found else None

    @property
    def grouped(self) -> str:
        """As people read it."""
        return " ".join(self.secret[at : at + 4] for at in range(0, len(self.secret), 4))
