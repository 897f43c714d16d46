"""The shipping service: quotes, books and cancels shipments."""
