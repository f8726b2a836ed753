"""A PostgreSQL of one's own, for runs with no DSN."""
