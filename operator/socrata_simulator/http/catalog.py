"""``/api/catalog/v1``: which datasets there are, by id, by name or by words, page by page.

The shape is that of recorded answers. The catalogue knows this portal's public datasets only; a real
one knows those of all portals.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from socrata_simulator.portal.about import account_of, described_to_people
from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.refusals import Refused
from socrata_simulator.rows.cells import compact, stamp

DEFAULT_LIMIT = 100
MOST = 10_000
"""Results that ``offset`` and ``limit`` reach; what lies beyond is read with ``scroll_id``."""

_TYPES = {
    "calendar_date": "Calendar date",
    "date": "Date",
    "url": "URL",
    "multiline": "MultiLine",
    "multipoint": "MultiPoint",
    "multipolygon": "MultiPolygon",
    "drop_down_list": "Drop down list",
    "html": "Formatted Text",
}
"""The words for types that are not the type's name with a capital."""

_VIEWS = {"page_views_last_week": 0, "page_views_last_month": 0, "page_views_total": 0}
_PAGE_VIEWS = {**_VIEWS, **{f"{name}_log": 0.0 for name in _VIEWS}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a request looks for, and which part of that it wants."""

    ids: frozenset[str]
    names: frozenset[str]
    types: frozenset[str]
    provenance: frozenset[str]
    words: tuple[str, ...]
    here: bool
    limit: int
    offset: int
    after: str | None

    def has(self, dataset: Dataset) -> bool:
        """Whether the dataset is one of those that are looked for."""
        if dataset.is_private or dataset.is_missing or not self.here:
            return False
        wanted = (
            (self.ids, dataset.id),
            (self.names, dataset.name),
            (self.types, dataset.type),
            (self.provenance, dataset.provenance),
        )
        if any(values and value not in values for values, value in wanted):
            return False
        text = f"{dataset.name} {dataset.description}".lower() if self.words else ""
        return all(word in text for word in self.words)


def catalog(
    datasets: Iterable[Dataset], domain: str, parameters: Mapping[str, str]
) -> dict[str, Any]:
    """One page of the datasets that are looked for, and how many there are. Raises ``Refused``."""
    wanted = _wanted(parameters, domain)
    found = [dataset for dataset in datasets if wanted.has(dataset)]
    return {
        "results": [_entry(dataset, domain) for dataset in _page(found, wanted)],
        "resultSetSize": len(found),
        "timings": {"serviceMillis": 1, "searchMillis": [1]},
        "warnings": [],
    }


def _wanted(parameters: Mapping[str, str], domain: str) -> Wanted:
    host = domain.partition(":")[0]
    context = parameters.get("search_context", domain)
    if context not in (domain, host):
        raise _refused(404, f"Domain not found: {context}")
    domains = _several(parameters, "domains")
    limit, offset = _number(parameters, "limit", DEFAULT_LIMIT), _number(parameters, "offset", 0)
    if limit + offset > MOST:
        raise _refused(400, f"offset + limit must not exceed {MOST}: use scroll_id")
    return Wanted(
        ids=_several(parameters, "ids"),
        names=frozenset(parameters["names"].split(",")) if parameters.get("names") else frozenset(),
        types=frozenset(kind.removesuffix("s") for kind in _several(parameters, "only")),
        provenance=_several(parameters, "provenance"),
        words=tuple(parameters.get("q", "").lower().split()),
        here=not domains or bool(domains & {domain, host}),
        limit=limit,
        offset=offset,
        after=parameters.get("scroll_id"),
    )


def _page(found: Sequence[Dataset], wanted: Wanted) -> Sequence[Dataset]:
    """By offset in the order of relevance, which is that of the portal here; or by id after a given one."""
    if wanted.after is None:
        return found[wanted.offset : wanted.offset + wanted.limit]
    after = wanted.after
    return sorted((d for d in found if d.id > after), key=lambda d: d.id)[: wanted.limit]


def _several(parameters: Mapping[str, str], name: str) -> frozenset[str]:
    return frozenset(filter(None, parameters.get(name, "").split(",")))


def _number(parameters: Mapping[str, str], name: str, default: int) -> int:
    text = parameters.get(name, str(default))
    if not text.isdigit():
        raise _refused(400, f"'{name}' must be a number, not {text!r}")
    return int(text)


def _refused(status: int, message: str) -> Refused:
    return Refused(status, compact({"error": message}))


def _entry(dataset: Dataset, domain: str) -> dict[str, Any]:
    category = _slug(dataset.category) or "dataset"
    owner = {
        "id": account_of(dataset),
        "user_type": "interactive",
        "display_name": dataset.owner,
    }
    return {
        "resource": _resource(dataset),
        "classification": {
            "categories": [],
            "tags": [],
            "domain_category": dataset.category,
            "domain_tags": list(dataset.tags),
            "domain_metadata": [],
        },
        "metadata": {"domain": domain},
        "permalink": f"https://{domain}/d/{dataset.id}",
        "link": f"https://{domain}/{category}/{_slug(dataset.name)}/{dataset.id}",
        "owner": owner,
        "creator": owner,
    }


def _resource(dataset: Dataset) -> dict[str, Any]:
    fields = [f for f in dataset.fields if not f.hidden]
    changed, described = stamp(dataset.truth.changed_at), stamp(dataset.schema_changed_at)
    return {
        "name": dataset.name,
        "id": dataset.id,
        "resource_name": None,
        "parent_fxf": list(dataset.parents),
        "description": described_to_people(dataset),
        "attribution": None,
        "attribution_link": None,
        "type": dataset.type,
        "updatedAt": max(changed, described),
        "createdAt": described,
        "metadata_updated_at": described,
        "data_updated_at": changed,
        "page_views": _PAGE_VIEWS,
        "columns_name": [f.title for f in fields],
        "columns_field_name": [f.name for f in fields],
        "columns_datatype": [_TYPES.get(f.type, f.type.capitalize()) for f in fields],
        "columns_description": ["" for _ in fields],
        "columns_format": [{} for _ in fields],
        "download_count": dataset.download_count,
        "provenance": dataset.provenance,
        "lens_view_type": "tabular",
        "lens_display_type": "table",
        "locked": False,
        "blob_mime_type": None,
        "hide_from_data_json": False,
        "publication_date": described,
    }


def _slug(text: str) -> str:
    """A name as it stands in an address."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:50]
