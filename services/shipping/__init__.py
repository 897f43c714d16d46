"""The shipping service: what it costs to send something, and what is to be sent where."""
