"""How the system before this one is asked about a password: by HTTP."""
