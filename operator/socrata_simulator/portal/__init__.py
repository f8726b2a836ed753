"""What the simulated portal holds: datasets, their changes, and the faults that it shows."""
