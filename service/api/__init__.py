"""The HTTP API: endpoints, guards, schemas and the OpenAPI document."""
