"""The orders context: what customers bought, and how far each order has come."""
