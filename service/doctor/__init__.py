"""What `tokenhouse doctor` makes of the facts: judgements alone, no I/O."""
