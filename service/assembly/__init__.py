"""Creates every object of the service, once. One module per subject."""
