"""Whether the columns to which ``spec.target.types`` gives a type are loaded at all. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from socratasync.errors import InvalidSpec
from socratasync.pipeline.columns import Column
from socratasync.pipeline.plan.nearest import sentence


def check_loaded(
    types: Collection[str],
    datasets: Iterable[Sequence[Column]],
    remembered: Iterable[Mapping[str, Mapping[str, str]]],
) -> None:
    """Raises ``InvalidSpec`` for a name of ``spec.target.types`` that none of the datasets loads.

    One that a dataset loaded earlier (``remembered``, as the bookkeeping has it) is none: that a portal drops a
    column is told otherwise, and does not make the manifest wrong.
    """
    loaded = {column.name for columns in datasets for column in columns}
    earlier = {
        name
        for columns in remembered
        for part in ("loaded", "frozen")
        for name in columns.get(part, {})
    }
    if not (unknown := [name for name in types if name not in loaded | earlier]):
        return
    near = sentence(unknown, dict.fromkeys(sorted(loaded), ""))
    raise InvalidSpec(
        f"spec.target.types names {', '.join(unknown)}, which no dataset loads; correct it, or take it out. "
        f"{near}Loaded are: {', '.join(sorted(loaded)[:40])}"
    )
