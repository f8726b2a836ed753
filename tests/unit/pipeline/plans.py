"""A dataset that was loaded before, and the plan of its next full load."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from socratasync.pipeline.columns import PROVENANCE, Column, SourceColumn
from socratasync.pipeline.plan.model import Before, DatasetPlan, Load, Shape, Snapshot
from socratasync.pipeline.plan.watermark import OVERLAP
from socratasync.pipeline.source.soql import Watermark
from socratasync.pipeline.target.bookkeeping import Known

NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)
EARLIER = NOON - timedelta(days=1)
LATER = NOON + timedelta(hours=1)

BY_CHANGE = Watermark()
BY_FLOATING = Watermark(field="updateddate", floating=True)
COLUMNS = (
    Column(name="srnumber", field="srnumber", source_type="text", type="text"),
    Column(name="status", field="status", source_type="text", type="text"),
)
SOURCE = (
    SourceColumn(field="srnumber", type="text"),
    SourceColumn(field="status", type="text"),
    SourceColumn(field="updateddate", type="calendar_date"),
    SourceColumn(field="systemmodstamp", type="date"),
)
KNOWN = Known(
    dataset="abcd-1234",
    year=2024,
    watermark_column=":updated_at",
    watermark=NOON,
    synced_since=NOON - OVERLAP,
    source_rows=100,
    rows_updated_at=NOON,
    columns={
        "source": {"srnumber": "text", "status": "text"},
        "loaded": {"srnumber": "srnumber", "status": "status"},
        "frozen": {},
        "provenance": PROVENANCE,
    },
    query="",
)
SNAPSHOT = Snapshot(rows=100, newest=NOON, rows_updated_at=NOON)
SHAPE = Shape(
    schema="public",
    table="requests",
    stage="stage_x",
    dataset="abcd-1234",
    columns=COLUMNS,
    key=("srnumber",),
    provenance=True,
)
PLAN = DatasetPlan(
    dataset="abcd-1234",
    year=2024,
    shape=SHAPE,
    load=Load(full=True),
    where=None,
    watermark=BY_CHANGE,
    snapshot=SNAPSHOT,
    source=SOURCE[:2],
    before=Before(exists=True, rows=100, server_version=170004),
)
