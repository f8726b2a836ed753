"""Rows from the source into a stage table, counted before anything is made of them."""
