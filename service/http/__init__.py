"""The HTTP server beneath every face: connections, TLS, bodies, responses, refusals."""
