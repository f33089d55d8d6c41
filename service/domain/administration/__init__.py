"""What operators' programs may do: accounts, the audit trail, signing keys, and the credentials for that."""
