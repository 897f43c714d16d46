"""The analytics context: how the shop's sales go."""
