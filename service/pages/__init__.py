"""Pages for people, in HTML: sign-in, the account and what leads there. They call the domain, never the API."""
