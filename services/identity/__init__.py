"""The identity service: users, their passwords, and the access tokens that prove who a caller is."""
