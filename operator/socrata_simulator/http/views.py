"""The JSON documents about datasets: ``/api/views/<id>.json`` and ``/api/catalog/v1``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.rows.cells import stamp
from socrata_simulator.rows.table import Field

_CATALOG_TYPES = {
    "calendar_date": "Calendar date",
    "checkbox": "Checkbox",
    "number": "Number",
    "text": "Text",
    "point": "Point",
    "location": "Location",
    "url": "URL",
}


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
        "provenance": "official",
        "publicationStage": "published",
        "rowClass": "",
        "rowsUpdatedAt": changed,
        "tableId": state.table.key % 10**7,
        "viewLastModified": dataset.schema_changed_at // 1000,
        "viewType": "tabular",
        "columns": [_column(n, f) for n, f in enumerate(dataset.fields, 1)],
        "grants": [] if dataset.is_private else [_PUBLIC],
        "metadata": {"availableDisplayTypes": ["table", "fatrow", "page"]},
        "query": {},
        "rights": ["read"],
        "tags": [],
        "flags": ["default", "restorable", "restorePossibleForType"],
    }
    if dataset.successor:
        document["description"] = f"This dataset is no longer updated; see {dataset.successor}."
    return document


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


def catalog(datasets: Iterable[Dataset], domain: str) -> dict[str, Any]:
    """The public datasets in the form of Socrata's discovery API."""
    results = [_entry(d, domain) for d in datasets if not (d.is_private or d.is_missing)]
    return {"results": results, "resultSetSize": len(results), "timings": {}}


def _entry(dataset: Dataset, domain: str) -> dict[str, Any]:
    fields = [f for f in dataset.fields if not f.hidden]
    at = stamp(dataset.truth.changed_at)
    return {
        "resource": {
            "name": dataset.name,
            "id": dataset.id,
            "type": "dataset",
            "updatedAt": at,
            "data_updated_at": at,
            "metadata_updated_at": stamp(dataset.schema_changed_at),
            "columns_name": [f.title for f in fields],
            "columns_field_name": [f.name for f in fields],
            "columns_datatype": [_CATALOG_TYPES.get(f.type, f.type.title()) for f in fields],
        },
        "metadata": {"domain": domain},
        "permalink": f"https://{domain}/d/{dataset.id}",
        "link": f"https://{domain}/d/{dataset.id}",
    }
