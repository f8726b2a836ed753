"""A PostgreSQL that the package brings along, for runs without a DSN."""
