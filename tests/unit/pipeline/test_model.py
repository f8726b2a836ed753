"""Plans as values: what a checkpoint stores of one is read back as it was."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from socratasync.pipeline.plan.model import Snapshot

NOON = datetime(2026, 3, 4, 12, 0, 0, 500, tzinfo=UTC)


@pytest.mark.parametrize(
    "snapshot",
    [
        Snapshot(rows=None, newest=None, rows_updated_at=None),
        Snapshot(
            rows=7,
            newest=NOON,
            rows_updated_at=NOON - timedelta(hours=1),
            taken_at=NOON + timedelta(hours=1),
        ),
    ],
)
def test_a_snapshot_is_read_as_it_was_stored(snapshot: Snapshot) -> None:
    assert Snapshot.from_dict(json.loads(json.dumps(snapshot.as_dict()))) == snapshot
