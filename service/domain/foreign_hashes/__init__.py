"""Password hashes of other systems: how they are spelt, stored as PHC strings, capped and computed."""
