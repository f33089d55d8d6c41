"""The HTTP server: connections, TLS, request bodies, responses and errors."""
