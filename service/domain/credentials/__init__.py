"""What people and programs identify themselves with: e-mail addresses and API keys."""
