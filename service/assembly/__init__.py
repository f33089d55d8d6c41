"""Every object of the service, made once: a file for each room."""
