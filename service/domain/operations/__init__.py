"""What keeps a deployment running: readiness, background tasks, secrets, compromised keys, revoking everything."""
