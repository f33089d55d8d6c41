"""How webhooks are sent: by HTTP, to addresses that were checked."""
