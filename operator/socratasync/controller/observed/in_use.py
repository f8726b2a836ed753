"""Which datasets a sync loads: those that its spec selects, and those that its runs adopted, as its status knows. Pure."""

from __future__ import annotations

from socratasync.api.source import DatasetSpec
from socratasync.api.spec import SyncSpec
from socratasync.api.status import SyncStatus


def carried_out(spec: SyncSpec, status: SyncStatus) -> SyncSpec:
    """The spec with the datasets that were adopted. Only ids and years are known of those."""
    adopted = [
        DatasetSpec(id=each.id, year=each.year) for each in status.successors or () if each.adopted
    ]
    return spec.with_adopted(adopted)


def datasets_in_use(spec: SyncSpec, status: SyncStatus) -> tuple[DatasetSpec, ...]:
    """In the spec's order, then as they were adopted."""
    return carried_out(spec, status).selected_datasets()
