"""Implementations of the domain's ports: one file per table or Redis concern."""
