"""Pure decisions: what the service does, without knowing that it is on the web or which stores it stands on."""
