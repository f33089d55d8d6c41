"""The API for operators' programs, at `/admin`: mounted, and imported, only where `admin.enabled` is set."""
