"""The pages of admins. Who is none gets the answer of a path that is not there."""
