"""The resource: its spec and its status, the manifest file, and the CRD that is made from them."""
