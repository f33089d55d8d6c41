"""bcrypt in C for many threads at once, as `_lanes` where it could be built (docs/decisions/0021)."""
