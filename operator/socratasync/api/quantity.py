"""Kubernetes quantities: ``100m``, ``512Mi``, ``2``."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated

from pydantic import Field, StrictStr

from socratasync.api.rules import IntOrString, Rule
from socratasync.api.times import matches

_QUANTITY = "^[0-9]+([.][0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$"
_SUFFIXES = {
    "m": Decimal("0.001"),
    **{suffix: Decimal(1000) ** (n + 1) for n, suffix in enumerate("kMGTPE")},
    **{f"{suffix}i": Decimal(1024) ** (n + 1) for n, suffix in enumerate("KMGTPE")},
}

Quantity = Annotated[
    int | str,
    IntOrString(),
    Rule(
        message="must be a quantity, such as 100m, 2 or 512Mi",
        holds=lambda value: matches(_QUANTITY, str(value)),
        cel=f"string(self).matches('{_QUANTITY}')",
    ),
]
Quantities = Annotated[
    dict[Annotated[StrictStr, Field(min_length=1, max_length=63)], Quantity], Field(max_length=8)
]


def read_quantity(value: int | str) -> Decimal:
    """The quantity as a number: cores, bytes, …"""
    text = str(value)
    suffix = text.lstrip("0123456789.")
    return Decimal(text.removesuffix(suffix)) * _SUFFIXES.get(suffix, Decimal(1))


def no_request_above_its_limit(
    requests: Mapping[str, int | str], limits: Mapping[str, int | str]
) -> bool:
    """Kubernetes refuses a pod that asks for more than it may use."""
    return all(
        read_quantity(asked) <= read_quantity(limits[name])
        for name, asked in requests.items()
        if name in limits
    )
