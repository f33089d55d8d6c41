"""Password rules, hashing, and the queue before it."""
