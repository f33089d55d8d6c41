"""Rate limits: the counters, and the refusals when a limit is reached."""
