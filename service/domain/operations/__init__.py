"""Operation of a deployment: readiness, background tasks, secrets, compromised keys, mass revocation."""
