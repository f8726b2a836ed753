"""The command ``socratasync``, a module for each of its commands."""
