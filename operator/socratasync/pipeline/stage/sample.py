"""A small page of a dataset, to be looked at and not to be loaded."""

from __future__ import annotations

from dataclasses import dataclass

from socratasync.pipeline.plan.model import DatasetPlan
from socratasync.pipeline.source import soql
from socratasync.pipeline.source.client import Source
from socratasync.pipeline.stage.archive import Nowhere
from socratasync.pipeline.stage.pagecopy import checked

MOST_BYTES = 4 * 1024 * 1024
"""That are kept of a page. Rows of 20 kB are few then, and enough to try."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The beginning of a page, unpacked, and the bytes that the whole page took on the wire, packed."""

    page: bytes
    wire_bytes: int


NO_ROWS = Sample(page=b"", wire_bytes=0)


def take_sample(source: Source, plan: DatasetPlan, rows: int) -> Sample:
    """The first so many of the rows that a run would read, as it would ask for them. Retries; raises as a run
    does for a page with other columns."""
    query = soql.rows(
        plan.shape.columns,
        where=plan.condition,
        after=None,
        limit=rows,
        shown=[column.field for column in plan.source],
    )

    def once() -> Sample:
        page = bytearray()
        with source.rows(plan.dataset, query) as stream:
            for chunk in checked(plan, stream, Nowhere()):
                page += chunk[: MOST_BYTES - len(page)]
            return Sample(page=bytes(page), wire_bytes=stream.wire_bytes)

    return source.by_either(lambda: source.retrying(once))
