"""Which of a dataset's columns are loaded, and under which names. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping

from socratasync.errors import InvalidSpec, SchemaChanged
from socratasync.pipeline.columns import PROVENANCE, Column, SourceColumn, postgres_type
from socratasync.pipeline.plan.nearest import sentence

MAX_NAME_BYTES = 63  # PostgreSQL cuts longer identifiers silently, which makes two columns one
_SYSTEM_COLUMNS = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"})


def column_name(field: str) -> str:
    """A PostgreSQL name for a field name: the same wherever and whenever it is asked for.

    Names that PostgreSQL would cut, or that it keeps for itself, get the head of the name and
    eight digits of its SHA-256, so two long names with one beginning stay two.
    """
    name = field.removeprefix(":@").removeprefix(":")
    if name and len(name.encode()) <= MAX_NAME_BYTES and name not in _SYSTEM_COLUMNS:
        return name
    return _with_digest(name, field)


def _with_digest(name: str, field: str) -> str:
    digest = hashlib.sha256(field.encode()).hexdigest()[:8]
    head = name.encode()[: MAX_NAME_BYTES - 9].decode(errors="ignore")
    return f"{head}_{digest}"


def name_all(fields: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Field → column name for all fields at once; a name already taken gets the digest form.

    Of two fields that want one name, the one that is called so gets it. The order of ``fields``
    decides nothing: a portal that moves its columns must not swap them in the target.
    """
    wanted = list(fields)
    used = set(taken)
    names: dict[str, str] = {}
    for field in sorted(wanted, key=lambda f: (column_name(f) != f, f)):
        name, salted = column_name(field), field
        while name in used:
            name = _with_digest(column_name(field), salted)
            salted += "_"
        used.add(name)
        names[field] = name
    return {field: names[field] for field in wanted}


def select_columns(
    source: Iterable[SourceColumn],
    *,
    fields: Mapping[str, str],
    mapping: Mapping[str, str],
    provenance: bool,
    dataset: str,
    known: Collection[str] = (),
) -> tuple[Column, ...]:
    """The columns that a dataset loads.

    ``fields`` (target column → type, ``""`` to infer) chooses the columns; empty means all.
    ``mapping`` (target column → source field) is the dataset's own ``columns``, ``known`` are the
    fields that the source had at the last load.

    Raises ``SchemaChanged`` when a chosen column is no more at the source, ``InvalidSpec`` when it never
    was, or when the mapping names a column that is not loaded, or that provenance fills.
    """
    by_field = {column.field: column for column in source}
    wanted = wanted_fields(by_field, fields, mapping, provenance)
    missing = {name: field for name, field in wanted.items() if field not in by_field}
    if missing:
        said = _missing_sentence(dataset, missing, by_field)
        raise SchemaChanged(said) if set(missing.values()) <= set(known) else InvalidSpec(said)
    return tuple(
        Column(
            name=name,
            field=field,
            source_type=by_field[field].canonical,
            type=fields.get(name) or postgres_type(by_field[field]),
        )
        for name, field in wanted.items()
    )


def wanted_fields(
    by_field: Mapping[str, SourceColumn],
    fields: Mapping[str, str],
    mapping: Mapping[str, str],
    provenance: bool,
) -> dict[str, str]:
    """Target column → source field, in the order of the spec, else of the source."""
    if fields:
        unused = [name for name in mapping if name not in fields]
        if unused:
            raise InvalidSpec(
                f"spec.datasets[].columns names {', '.join(unused)}, which spec.target.fields does "
                "not load; add it there or take it out here"
            )
        return {
            name: mapping.get(name, _field_named(name, by_field))
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
    rest = name_all((f for f in by_field if f not in mapped and f not in mapping), taken)
    return {**mapping, **{name: field for field, name in rest.items()}}


def _field_named(name: str, by_field: Mapping[str, SourceColumn]) -> str:
    """The source field whose column name is ``name``: the field itself, or a renamed long one."""
    if name in by_field:
        return name
    return next((field for field in by_field if column_name(field) == name), name)


def _missing_sentence(
    dataset: str, missing: Mapping[str, str], by_field: Mapping[str, SourceColumn]
) -> str:
    names = ", ".join(
        name if name == field else f"{name} (from {field})" for name, field in missing.items()
    )
    near = sentence(missing.values(), {f: column.label for f, column in by_field.items()})
    have = ", ".join(list(by_field)[:40])
    return (
        f"dataset {dataset} has no column for {names}; map it with datasets[].columns or take it "
        f"out of target.fields. {near}Its columns are: {have}"
    )
