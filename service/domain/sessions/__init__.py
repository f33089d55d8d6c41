"""Login, refresh, logout, and the revocation of sessions."""
