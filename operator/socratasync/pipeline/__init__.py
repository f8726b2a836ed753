"""Moves data: one run, from a dataset's pages to the target table."""
