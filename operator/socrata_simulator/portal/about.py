"""What a portal tells of a dataset beside its columns and rows: whose it is, what it is about."""

from __future__ import annotations

from hashlib import sha256


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
    successor: str | None = None
    """The dataset that the city goes on with, which the description names."""


def described_to_people(about: About) -> str:
    """The description as the portal shows it."""
    if about.successor:
        return f"This dataset is no longer updated; see {about.successor}."
    return about.description


def account_of(about: About) -> str:
    """The id of the owner's account, the same wherever the portal tells it."""
    digest = sha256(about.owner.encode()).hexdigest()
    return f"{digest[:4]}-{digest[4:8]}"
