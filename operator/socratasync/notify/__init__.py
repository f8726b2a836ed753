"""News reaches people and programs: the words, the form that each channel takes, and the call."""
