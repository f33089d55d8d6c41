"""The ports' real keepers: one file per table or Redis concern."""
