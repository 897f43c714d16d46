"""The orders context: what customers bought, and the state of each order."""
