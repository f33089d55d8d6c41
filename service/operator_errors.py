"""What only operators can mend: these are no answers to clients, whose refusals are in `errors.py`."""


class ConfigurationError(Exception):
    """The service cannot start as configured; the message is one line that says what to do."""


class DamagedDataError(Exception):
    """Something sealed in the database does not open, or a row contradicts itself: a defect, not a refusal."""


class UnknownSecretError(DamagedDataError, ConfigurationError):
    """Something in the database was sealed with a secret that this instance does not have."""
