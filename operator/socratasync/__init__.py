"""Socrata Sync keeps PostgreSQL tables in step with Socrata open-data datasets."""

__version__ = "0.1.0"
