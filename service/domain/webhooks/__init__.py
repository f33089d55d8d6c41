"""Webhooks: endpoints of the settings are told of what enters the audit trail, by a worker beside the requests."""
