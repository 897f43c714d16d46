"""The notifications service: notifies customers about their orders."""
