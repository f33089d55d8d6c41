"""What a face may ask of recovery, and what the mail worker does."""

from dataclasses import dataclass

from service.domain.recovery.address_changes import AddressChanges
from service.domain.recovery.attribute_updates import AttributeUpdates
from service.domain.recovery.letters import ProofLetters
from service.domain.recovery.mail_secrets import MailSecrets
from service.domain.recovery.password_recovery import PasswordRecovery
from service.domain.recovery.sign_ups import SignUps
from service.domain.recovery.verification import Verification


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    passwords: PasswordRecovery
    verification: Verification
    addresses: AddressChanges
    letters: ProofLetters
    secrets: MailSecrets
    sign_ups: SignUps
    attributes: AttributeUpdates
