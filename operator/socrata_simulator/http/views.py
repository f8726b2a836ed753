"""``/api/views/<id>.json``: the description of one dataset, as its page on a portal has it."""

from __future__ import annotations

from typing import Any

from socrata_simulator.portal.about import account_of, described_to_people
from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.rows.table import Field


def view(dataset: Dataset) -> dict[str, Any]:
    """The dataset's description.

    It is the recorded one while the dataset is unchanged since it was added; otherwise one with the
    same keys as a real portal's. ``dataset.metadata`` replaces keys of it; None removes a key.
    """
    version, recorded = dataset.recorded
    document = recorded if version == dataset.truth.version else {**recorded, **_described(dataset)}
    laid_over = {**document, **dataset.metadata}
    return {key: value for key, value in laid_over.items() if value is not None}


def _described(dataset: Dataset) -> dict[str, Any]:
    state = dataset.truth
    changed = state.changed_at // 1000
    document = {
        "id": dataset.id,
        "name": dataset.name,
        "assetType": "dataset",
        "averageRating": 0,
        "createdAt": changed,
        "displayType": "table",
        "downloadCount": 0,
        "hideFromCatalog": False,
        "newBackend": True,
        "oid": state.table.key % 10**8,
        "provenance": dataset.provenance,
        "publicationStage": "published",
        "rowClass": "",
        "rowsUpdatedAt": changed,
        "owner": {"id": account_of(dataset), "displayName": dataset.owner, "type": "interactive"},
        "tableId": state.table.key % 10**7,
        "viewLastModified": dataset.schema_changed_at // 1000,
        "viewType": "tabular",
        "columns": [_column(n, f) for n, f in enumerate(dataset.fields, 1)],
        "grants": [] if dataset.is_private else [_PUBLIC],
        "metadata": {"availableDisplayTypes": ["table", "fatrow", "page"]},
        "query": {},
        "rights": ["read"],
        "tags": list(dataset.tags),
        "flags": ["default", "restorable", "restorePossibleForType"],
    }
    return document | _words(dataset)


def _words(dataset: Dataset) -> dict[str, Any]:
    """What the publisher wrote, as far as there is any."""
    written = {"description": described_to_people(dataset), "category": dataset.category}
    return {key: text for key, text in written.items() if text}


_PUBLIC = {"inherited": False, "type": "viewer", "flags": ["public"]}


def _column(position: int, field: Field) -> dict[str, Any]:
    column: dict[str, Any] = {
        "id": field.id if not field.synthetic else -1,
        "name": field.title,
        "dataTypeName": field.type,
        "description": "",
        "fieldName": field.name,
        "position": position,
        "renderTypeName": field.type,
        "tableColumnId": field.id,
        "format": {},
    }
    return {**column, "flags": ["hidden"]} if field.hidden else column
