"""The Kubernetes API, as far as the operator needs it."""
