"""What the `tokenhouse` command can do."""
