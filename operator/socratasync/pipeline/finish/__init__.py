"""What is done once the rows are in."""
