"""The status page: how every sync stands, for people who have no kubectl."""
