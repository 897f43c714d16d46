"""Checks OpenAPI documents with two public validators."""
