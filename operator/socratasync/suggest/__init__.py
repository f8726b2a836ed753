"""A manifest proposed for datasets of which a person knows no more than the address."""
