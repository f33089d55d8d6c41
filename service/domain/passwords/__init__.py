"""Password rules, hashing, and the hash queue."""
