"""Columns that an existing target gets before rows come, and those that are empty in every row then. Pure."""

from __future__ import annotations

from socratasync.api.target import TargetSpec
from socratasync.pipeline.columns import PROVENANCE
from socratasync.pipeline.plan.drift import Agreement
from socratasync.pipeline.plan.frozen import has_provenance
from socratasync.pipeline.target.bookkeeping import Known
from socratasync.pipeline.target.catalog import Target


def added(wanted: TargetSpec, target: Target, agreement: Agreement) -> list[tuple[str, str]]:
    """The columns (name, type) that the table must get before rows come."""
    if not target.exists:
        return []
    provenance = PROVENANCE if wanted.provenance else {}
    return [*agreement.add, *((n, t) for n, t in provenance.items() if target.column(n) is None)]


def lacking(
    wanted: TargetSpec, target: Target, agreement: Agreement, known: Known | None
) -> list[str]:
    """Columns that an existing target must get, and that are then empty in every row; those of provenance
    also where rows were loaded without."""
    if not target.exists:
        return []
    provenance = PROVENANCE if wanted.provenance else {}
    filled = known is None or has_provenance(known.columns)
    return [name for name, _ in agreement.add] + [
        name for name in provenance if not filled or target.column(name) is None
    ]
