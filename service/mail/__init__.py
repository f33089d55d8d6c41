"""Letters and how they are delivered: templates, SMTP, and the inbox of development."""
