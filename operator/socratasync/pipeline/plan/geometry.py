"""What points, lines, polygons and locations become: PostGIS's geometry, or WKT as text (``spec.target.geometry``). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from socratasync.api.target import TargetSpec
from socratasync.contract.report import listed
from socratasync.errors import InvalidSpec, TargetMismatch
from socratasync.pipeline.columns import Column
from socratasync.pipeline.plan.drift import Agreement
from socratasync.pipeline.plan.target_state import TargetState
from socratasync.pipeline.target.types import Spatial, quoted, spatial

SRID = 4326
"""Of Socrata's coordinates: degrees of WGS 84, longitude first."""

KINDS = {
    "point": "Point",
    "line": "LineString",
    "polygon": "Polygon",
    "multipoint": "MultiPoint",
    "multiline": "MultiLineString",
    "multipolygon": "MultiPolygon",
    "location": "Point",
}
"""Socrata's types → PostGIS's kinds of geometry."""


def check_postgis(wanted: TargetSpec, state: TargetState) -> None:
    """Raises ``TargetMismatch`` where the manifest wants PostGIS and there is none."""
    if wanted.geometry == "PostGIS" and state.postgis is None:
        raise TargetMismatch(
            "spec.target.geometry is PostGIS, and this database has none that this role may use; an administrator runs: "
            "CREATE EXTENSION postgis, or, where it is in a schema of its own, GRANT USAGE ON SCHEMA <that> TO <this role>"
        )


def as_geometry(
    columns: Sequence[Column], wanted: TargetSpec, state: TargetState
) -> tuple[Column, ...]:
    """The columns, those that hold geometry of PostGIS's type, where they are to be and the manifest gives no other."""
    if state.postgis is None or not has_points(wanted, state):
        return tuple(columns)
    place = quoted(state.postgis)
    return tuple(
        replace(c, type=f"{place}.geometry({KINDS[c.source_type]},{SRID})")
        if _is_free(c, wanted)
        else c
        for c in columns
    )


def has_points(wanted: TargetSpec, state: TargetState) -> bool:
    """Whether a column that is still to be made holds PostGIS's geometry. Auto leaves a table that is there as it is: its
    new columns are like its old ones."""
    is_wanted = wanted.geometry == "PostGIS" or (
        wanted.geometry == "Auto" and not state.target.exists
    )
    return is_wanted and state.postgis is not None


def _is_free(column: Column, wanted: TargetSpec) -> bool:
    """Whether it holds geometry, and the manifest leaves its type to us."""
    return column.source_type in KINDS and not (
        wanted.fields.get(column.name) or wanted.types.get(column.name)
    )


def check_geometry(
    dataset: str, agreement: Agreement, wanted: TargetSpec, state: TargetState
) -> Agreement:
    """The agreement, with a sentence if geometry becomes text for want of PostGIS in a table that is made now. Raises
    ``TargetMismatch``, or ``InvalidSpec``, for a column of geometry that takes none of the dataset's: every value of it
    would be NULL."""
    for column in agreement.columns:
        if there := spatial(column.type):
            _check_column(dataset, column, there, state)
    texts = [c.name for c in agreement.columns if _is_free(c, wanted) and c.type == "text"]
    if texts and wanted.geometry == "Auto" and not state.target.exists:
        return replace(agreement, warnings=(*agreement.warnings, _instead(texts)))
    return agreement


def _instead(texts: Sequence[str]) -> str:
    return (
        f"there is no PostGIS that this role may use, so the new table has {listed(texts, 5)} as text (WKT); for geometry "
        "have CREATE EXTENSION postgis run before the table is made, or set spec.target.geometry to Text"
    )


def _check_column(dataset: str, column: Column, there: Spatial, state: TargetState) -> None:
    wrong = _what_is_wrong(column, there)
    if wrong is None:
        return
    said = f"dataset {dataset}: column {column.name} is {column.type}, and {column.field} ({column.source_type}) {wrong}"
    place = f"{quoted(there.schema)}." if there.schema else ""
    kind = KINDS.get(column.source_type, "Geometry")
    if not there.kind or there.kind != kind.upper():
        kind = "Geometry"
    needed = f"{place}geometry({kind},{SRID})"
    target = state.target
    if target.column(column.name) is None:
        raise InvalidSpec(f"{said}; write {needed} in spec.target.types")
    name = quoted(column.name)
    using = f" USING {place}ST_Transform({name}, {SRID})" if there.srid not in (0, SRID) else ""
    raise TargetMismatch(
        f"{said}; run ALTER TABLE {target.name} ALTER COLUMN {name} TYPE {needed}{using}"
    )


def _what_is_wrong(column: Column, there: Spatial) -> str | None:
    if there.srid not in (0, SRID):
        return f"has degrees of WGS 84 (SRID {SRID})"
    kind = KINDS.get(column.source_type)
    if kind and there.kind and there.kind != kind.upper():
        return f"has geometry of kind {kind}"
    return None
