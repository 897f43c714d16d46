"""The catalog context: what the shop sells, and at what price."""
