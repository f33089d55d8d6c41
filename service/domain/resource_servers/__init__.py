"""What other services ask about tokens."""
