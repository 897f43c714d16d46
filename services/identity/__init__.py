"""The identity service: who the users are, and the tokens by which others know them."""
