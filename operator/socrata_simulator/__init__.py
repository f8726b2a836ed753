"""A simulated Socrata portal over HTTPS: the wire format of a real one, and its faults by switch."""
