"""Rows and cells, as the simulated portal keeps and writes them."""
