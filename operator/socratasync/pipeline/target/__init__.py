"""PostgreSQL: the target database, and the bookkeeping in it."""
