"""Sign-up, and changes to an account by its member or an operator."""
