"""Static SQL: statements with a name and a description."""
