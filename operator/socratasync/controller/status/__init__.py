"""What the status says next: records, conditions and events."""
