"""The reflection service: shows callers outside the mesh which public services exist, and their contracts."""
