"""What the source held when a release's runs read it; a test has it hold the same before it goes on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.conftest import Clock
from tests.postgres.conftest import PARK_COLUMNS, PARKS, Sync

from socrata_simulator.portal.dataset import Dataset

FIRST_RUN = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND_RUN = FIRST_RUN + timedelta(hours=1)


def five_parks(sync: Sync, clock: Clock) -> Dataset:
    """As the first run found it. ``sync`` is made to load it."""
    clock.at = FIRST_RUN
    sync.spec["target"] = {"dsnSecretRef": {"name": "db"}, "table": "parks", "key": ["name"]}
    sync.spec["datasets"] = [{"id": PARKS, "year": 2025}]
    rows = [{"name": f"p{n}", "acres": n} for n in range(5)]
    return sync.portal.add_dataset(PARKS, PARK_COLUMNS, rows)


def a_change(parks: Dataset, clock: Clock) -> None:
    """As the second run found it: one row is another."""
    clock.at = SECOND_RUN
    parks.update(parks.find(name="p3"), acres=33)
