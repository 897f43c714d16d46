"""The reflection service: tells callers outside which public services there are, and their contracts."""
