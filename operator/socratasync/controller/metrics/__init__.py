"""`/metrics`: what the operator counts, and how it is served."""
