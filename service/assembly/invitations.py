"""Invitations to sign up."""

from service.assembly.backends import Basis
from service.assembly.credentials import Credentials
from service.assembly.mail import MailParts
from service.domain.accounts.invitations import Invitations


def build(basis: Basis, credentials: Credentials, posted: MailParts) -> Invitations:
    return Invitations(
        store=basis.backends.invitations,
        users=basis.backends.users,
        links=credentials.registration.links,
        mails=posted.mails,
        ambient=basis.ambient,
        events=credentials.events,
    )
