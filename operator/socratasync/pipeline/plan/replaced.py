"""What to say of a dataset that is not there any more: the id of the one that the portal has in its place.

A city that replaces a dataset gives the new one the name of the old, and another id. The bookkeeping knows the name.
"""

from __future__ import annotations

from socratasync.contract.report import listed
from socratasync.errors import DatasetNotFound, SyncError
from socratasync.pipeline.source.answers import Metadata
from socratasync.pipeline.source.client import Source
from socratasync.pipeline.target.bookkeeping import Known

_MOST = 10


def find_metadata(source: Source, dataset: str, known: Known | None) -> Metadata:
    """The dataset's columns and time of change; ``known``: what the bookkeeping has of it. Raises ``DatasetNotFound``,
    with the ids of datasets that have its name, and others."""
    try:
        return source.metadata(dataset, known.columns["source"] if known else {})
    except DatasetNotFound as exc:
        raise _replaced(source, dataset, known, exc) from exc


def _replaced(
    source: Source, dataset: str, known: Known | None, missing: DatasetNotFound
) -> DatasetNotFound:
    """Asks the catalogue once, and only of a dataset that was loaded before; one that does not answer changes nothing."""
    if known is None or known.name is None:
        return missing
    try:
        found = [
            e.id
            for e in source.named(known.name, _MOST)
            if e.id != dataset and e.name == known.name
        ]
    except SyncError:
        return missing
    if not found:
        return missing
    return DatasetNotFound(
        f"{missing.message}. The portal has a dataset of the same name, {known.name}: {listed(found, _MOST)}. If it is "
        f"the new one, write it in spec.datasets in the place of {dataset}"
    )
