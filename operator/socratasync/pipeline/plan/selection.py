"""Which of a dataset's columns are loaded, and under which names. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from socratasync.errors import InvalidSpec, SchemaChanged
from socratasync.pipeline import parts
from socratasync.pipeline.columns import (
    PROVENANCE,
    Column,
    SourceColumn,
    part_type,
    postgres_type,
)
from socratasync.pipeline.plan.names import column_name, default_name, name_paths
from socratasync.pipeline.plan.nearest import sentence
from socratasync.pipeline.plan.unnamed import Unnamed

EVERYTHING = Unnamed(computed_regions=True, whole=True)


def select_columns(
    source: Iterable[SourceColumn],
    *,
    fields: Mapping[str, str],
    mapping: Mapping[str, str],
    provenance: bool,
    dataset: str,
    known: Collection[str] = (),
    types: Mapping[str, str] | None = None,
    unnamed: Unnamed = EVERYTHING,
) -> tuple[Column, ...]:
    """The columns that a dataset loads.

    ``fields`` (target column → type, ``""`` to infer) chooses the columns; empty means all.
    ``mapping`` (target column → source field) is the dataset's own ``columns``, ``known`` are the
    fields that the source had at the last load, ``types`` (target column → type) what ``target.types`` gives;
    ``unnamed`` tells which columns are loaded that none of these names.

    Raises ``SchemaChanged`` when a chosen column is no more at the source, ``InvalidSpec`` when it never
    was, or when the mapping names a column that is not loaded, or that provenance fills.
    """
    by_field = {column.field: column for column in source}
    given = {**fields, **(types or {})}
    wanted = wanted_fields(by_field, fields, mapping, provenance, unnamed)
    missing = {
        name: path for name, path in wanted.items() if _whole(path, by_field) not in by_field
    }
    if missing:
        said = _missing_sentence(dataset, missing, by_field)
        gone = set(map(parts.whole, missing.values())) <= set(known)
        raise SchemaChanged(said) if gone else InvalidSpec(said)
    return tuple(
        _column(name, path, by_field[_whole(path, by_field)], dataset, given.get(name), unnamed)
        for name, path in wanted.items()
    )


def _whole(path: str, by_field: Collection[str]) -> str:
    return path if path in by_field else parts.whole(path)


def _column(
    name: str,
    path: str,
    whole: SourceColumn,
    dataset: str,
    given: str | None,
    unnamed: Unnamed,
) -> Column:
    """The column that the field fills, or a part of it."""
    if path == whole.field:
        kind = given or postgres_type(whole)
        return Column(name=name, field=path, source_type=whole.canonical, type=kind)
    _, part = parts.split(path)
    offered = parts.OF_TYPE.get(whole.type.lower(), ())
    if part not in offered:
        said = _no_part(dataset, name, path, whole, offered)
        raise SchemaChanged(said) if unnamed.filled.get(name) == path else InvalidSpec(said)
    return Column(
        name=name,
        field=path,
        source_type=parts.source_type(part),
        type=given or part_type(part),
        whole_type=whole.canonical,
    )


def _no_part(
    dataset: str, name: str, path: str, whole: SourceColumn, offered: Sequence[str]
) -> str:
    have = ", ".join(f"{whole.field}.{part}" for part in offered)
    ways = f"it has {have}" if offered else "it has no parts; write it whole"
    return (
        f"dataset {dataset} has no {path} for {name}: {whole.field} is of type {whole.type}, and {ways}. Correct "
        "datasets[].columns"
    )


def wanted_fields(
    by_field: Mapping[str, SourceColumn],
    fields: Mapping[str, str],
    mapping: Mapping[str, str],
    provenance: bool,
    unnamed: Unnamed = EVERYTHING,
) -> dict[str, str]:
    """Target column → source field, or the path of a part, in the order of the spec, else of the source."""
    if fields:
        unused = [name for name in mapping if name not in fields]
        if unused:
            raise InvalidSpec(
                f"spec.datasets[].columns names {', '.join(unused)}, which spec.target.fields does "
                "not load; add it there or take it out here"
            )
        return {
            name: mapping.get(name) or _path_named(name, by_field, unnamed)
            for name in fields
            if not (provenance and name in PROVENANCE)
        }
    if clashing := [name for name in mapping if provenance and name in PROVENANCE]:
        raise InvalidSpec(
            f"spec.datasets[].columns names {', '.join(clashing)}, which spec.target.provenance fills; "
            "choose another name, or set provenance to false"
        )
    mapped = set(mapping.values())
    taken = set(mapping) | (set(PROVENANCE) if provenance else set())
    rest = [p for p in unnamed.paths(by_field) if not mapped & {p, _whole(p, by_field)}]
    names = name_paths(
        [p for p in rest if default_name(p, by_field) not in mapping], taken, by_field
    )
    return {**mapping, **{name: path for path, name in names.items()}}


def _path_named(name: str, by_field: Mapping[str, SourceColumn], unnamed: Unnamed) -> str:
    """What fills a column that is called as a field, as a renamed long one, or as a coordinate of one."""
    called = [field for field in by_field if name in (field, column_name(field))]
    if called:
        return unnamed.path(by_field[name if name in by_field else called[0]])
    coordinates = (
        f"{column.field}.{part}"
        for column in by_field.values()
        for part in parts.BY_DEFAULT.get(column.canonical, ())
    )
    return next((p for p in coordinates if column_name(parts.default_name(p)) == name), name)


def _missing_sentence(
    dataset: str, missing: Mapping[str, str], by_field: Mapping[str, SourceColumn]
) -> str:
    names = ", ".join(
        name if name == field else f"{name} (from {field})" for name, field in missing.items()
    )
    near = sentence(
        map(parts.whole, missing.values()), {f: column.label for f, column in by_field.items()}
    )
    have = ", ".join(list(by_field)[:40])
    return (
        f"dataset {dataset} has no column for {names}; map it with datasets[].columns or take it "
        f"out of target.fields. {near}Its columns are: {have}"
    )
