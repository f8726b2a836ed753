"""Whose clock a time without a zone is told by, where it goes into a column of instants. Pure.

Socrata's floating timestamps are what a city's clocks showed, and texts need not name a zone either. PostgreSQL reads both
in the session's zone, which says nothing of the source: so the manifest must (``spec.source.timeZone``).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from socratasync.contract.report import listed
from socratasync.errors import InvalidSpec
from socratasync.pipeline.columns import Column
from socratasync.pipeline.plan.drift import Agreement
from socratasync.pipeline.target.types import bare_type

_INSTANTS = frozenset({"timestamp with time zone", "time with time zone"})


def in_zone(
    dataset: str, agreement: Agreement, *, instants: Collection[str], zone: str | None
) -> Agreement:
    """The columns with the zone that their values are read in, where they need one. ``instants``: what else the database
    knows of types that hold instants. Raises ``InvalidSpec`` where a column needs a zone and the manifest names none."""
    lacking = [c for c in agreement.columns if _needs_zone(c, instants)]
    if lacking and zone is None:
        raise InvalidSpec(_refusal(dataset, lacking))
    columns = (replace(c, zone=zone) if c in lacking else c for c in agreement.columns)
    return replace(agreement, columns=tuple(columns))


def _needs_zone(column: Column, instants: Collection[str]) -> bool:
    if column.source_type == "fixed_timestamp":
        return False  # each value says that it is UTC
    return column.type in instants or bare_type(column.type) in _INSTANTS


def _refusal(dataset: str, columns: Sequence[Column]) -> str:
    told = listed([f"{c.name} ({c.source_type}, to be {c.type})" for c in columns], 5)
    return (
        f"dataset {dataset}: values of {told} need not name a time zone, and nobody says whose clock they are told by; "
        "write it in spec.source.timeZone, such as America/Los_Angeles, or give such a column the type timestamp"
    )
