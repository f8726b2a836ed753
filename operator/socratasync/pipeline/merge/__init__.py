"""Staged rows into the target table."""
