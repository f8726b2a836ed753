"""Programs that make, check and publish what contributors and users get."""
