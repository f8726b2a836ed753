"""``kubectl socratasync``, a kubectl plugin to see and steer SocrataSyncs."""
