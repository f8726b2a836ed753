"""The portal over HTTPS: requests in, answers out, in the wire format of a real one."""
