"""The analytics service: figures of the shop's sales."""
