"""The services, one folder each, and the runtime that they share."""
