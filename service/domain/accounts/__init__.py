"""Sign-up and everything that a member changes of their account."""
