"""What is seen of a resource: its spec, its status, its Jobs, its schedule."""
