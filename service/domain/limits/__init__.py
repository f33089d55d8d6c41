"""Rate limits: what is counted, and what a full limit refuses."""
