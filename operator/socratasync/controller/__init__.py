"""The operator: SocrataSyncs in, Jobs, status, events and metrics out."""
