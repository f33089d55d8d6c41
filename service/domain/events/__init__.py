"""Security events and the audit trail."""
