"""The protocol of Cognito user pools, spoken on the same accounts, sessions and limits as /auth/*: see README.md."""
