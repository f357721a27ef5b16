"""Wheels of the project and of all that it needs, for a machine without network access."""
