"""A run's Job: how it is built, and what becomes of it."""
