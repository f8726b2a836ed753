"""What the status says next: runs and datasets, conditions, and the events that tell of changes."""
