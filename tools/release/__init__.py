"""A release: everything that is published, made on one machine and checked before anybody sees it."""
