"""JSON as the value of a container's variable: how long it may be, and what the kubelet would make of it."""

from typing import Final

LONGEST_VARIABLE: Final = 120_000
"""Bytes. Linux takes 131,072 for one variable, name included."""


def without_dollars(text: str) -> str:
    """JSON with each ``$`` as an escape. The kubelet replaces ``$(NAME)`` in a variable by another's value, be
    it a secret, and ``$$`` by ``$``; what others wrote ends up in these."""
    return text.replace("$", "\\u0024")
