"""Finds breaking changes of the contracts, the consumers that they affect, and the alternatives."""
