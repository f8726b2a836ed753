"""What a portal tells of a dataset beside its columns and rows: whose it is, what it is about."""

from __future__ import annotations


class About:
    """The words and kinds that describe a ``Dataset``, which has these."""

    description = ""
    category = ""
    tags: tuple[str, ...] = ()
    owner = "Portal owner"
    """The name of whose account it is."""
    provenance = "official"
    """``official``: the portal's own; ``community``: made by one of its users."""
    type = "dataset"
    """What the catalogue calls it: ``dataset``, or ``filter``, ``chart``, ``map`` and others for what is
    made of one."""
    parents: tuple[str, ...] = ()
    """The datasets that it is made of."""
    download_count = 0
