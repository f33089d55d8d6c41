"""The checks of `tokenhouse doctor`: judgements of given facts, without I/O."""
