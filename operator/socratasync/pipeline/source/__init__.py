"""Socrata, which is only read."""
