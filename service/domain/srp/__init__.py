"""Secure Remote Password (SRP-6a) as Cognito's clients compute it: the password is never sent."""
