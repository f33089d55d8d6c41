"""The subcommands of `tokenhouse`."""
