"""Whether the target can take a dataset's columns, and what to do when the source's have changed.

Pure: source columns now, source columns at the last load, the target as it is, the policy in;
the columns to load and those to add, or an error, out. Called before anything is downloaded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from socratasync.errors import InvalidSpec, SchemaChanged, TargetMismatch
from socratasync.pipeline import parts
from socratasync.pipeline.columns import PROVENANCE, Column, SourceColumn, is_computed_region
from socratasync.pipeline.plan.forms import common_type
from socratasync.pipeline.plan.frozen import Frozen
from socratasync.pipeline.plan.names import column_name
from socratasync.pipeline.plan.nearest import sentence
from socratasync.pipeline.target.catalog import Target, TargetColumn
from socratasync.pipeline.target.types import bare_type

Policy = Literal["AddColumns", "Ignore", "Fail"]
Fit = Literal["always", "perhaps", "never"]

_TEXTS = frozenset({"text", "character varying", "character", "citext"})
_NUMBERS = frozenset(
    {"smallint", "integer", "bigint", "real", "double precision", "money", "numeric"}
)
_TIMES = frozenset({"timestamp without time zone", "timestamp with time zone", "date"})
_OWN = (
    _NUMBERS
    | _TIMES
    | {"boolean", "json", "jsonb", "interval", "time without time zone", "time with time zone"}
)
"""PostgreSQL's own types with one meaning: what they do not read of a Socrata type, they never do."""
_FOR_PEOPLE = frozenset(
    "location url document point line polygon multipoint multiline multipolygon".split()
)
"""Socrata's types whose text none of those reads, whatever the value."""
_ALWAYS = {
    "number": frozenset({"numeric"}),
    "double": frozenset({"double precision", "numeric"}),
    "checkbox": frozenset({"boolean"}),
    "floating_timestamp": frozenset({"timestamp without time zone"}),
    "fixed_timestamp": frozenset({"timestamp with time zone"}),
    "json": frozenset({"json", "jsonb"}),
}
_PERHAPS = {
    "number": _NUMBERS,
    "double": _NUMBERS,
    "checkbox": frozenset[str](),
    "floating_timestamp": _TIMES,
    "fixed_timestamp": _TIMES,
    "json": frozenset[str](),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What source and target agree on: ``columns`` with the target's types, ``add`` (name, type) to
    be added first, and sentences about what is not as it was."""

    columns: tuple[Column, ...]
    add: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    in_sync: bool = True


def fits(source_type: str, pg_type: str) -> Fit:
    """Whether values of a canonical Socrata type go into a PostgreSQL type: by their nature, by their
    looks (``COPY`` will tell), or never."""
    target = bare_type(pg_type)
    if target in _TEXTS:
        return "always" if target == "text" else "perhaps"
    if source_type in _FOR_PEOPLE and target in _OWN:
        return "never"
    if target in _ALWAYS.get(source_type, ()):
        return "always"
    if source_type in _PERHAPS:
        return "perhaps" if target in _PERHAPS[source_type] else "never"
    return "perhaps"  # text and its kin: their looks decide


def may_hold(source_type: str, pg_type: str) -> bool:
    """Whether a column of that type, still to be made, may hold such values. Of types that are not PostgreSQL's
    own nothing is known: a domain of the database, a type of an extension."""
    return bare_type(pg_type) not in _OWN or fits(source_type, pg_type) != "never"


def common_types(datasets: Iterable[Sequence[Column]]) -> dict[str, str]:
    """Column → type for a table that several datasets share; where they disagree, one that holds all."""
    types: dict[str, str] = {}
    for columns in datasets:
        for column in columns:
            known = types.get(column.name, column.type)
            types[column.name] = common_type(known, column.type)
    return types


def agree(
    *,
    dataset: str,
    columns: Sequence[Column],
    source: Sequence[SourceColumn],
    known: Mapping[str, str] | None,
    frozen: Frozen,
    mapped: Collection[str],
    target: Target,
    types: Mapping[str, str],
    chosen: Mapping[str, str],
    given: Mapping[str, str],
    called: Mapping[str, str],
    key: Sequence[str],
    provenance: bool,
    policy: Policy,
) -> Agreement:
    """What to load of ``columns``, and with which types.

    ``known`` (source field → canonical type) is the dataset as last loaded, None if never.
    ``mapped`` are the fields that the dataset's own ``columns`` name, ``chosen`` is ``target.fields``,
    ``given`` is ``target.types``, ``types`` are a new table's types (``common_types``), ``called`` what PostgreSQL calls the types there
    (``catalog.check_types``).
    Raises ``SchemaChanged`` for what the source did, ``TargetMismatch`` for what the target is, ``InvalidSpec`` for
    a key that the source never had.
    """
    _check_key(dataset, columns, source, known or {}, key, provenance)
    gone = [f"column {f} is gone" for f in frozen.gone]
    changed = _changes(columns, source, known or {}, agreed=None if chosen else mapped)
    if policy == "Fail" and (gone or changed):
        raise SchemaChanged(
            f"dataset {dataset} changed: {'; '.join(gone + changed)}. spec.target.onSchemaChange is "
            "Fail; map what was renamed or is new with datasets[].columns, list what is gone in "
            "datasets[].frozenColumns, or set AddColumns"
        )
    if not frozen.named:
        changed = gone + changed  # a reset is about to empty the columns that are gone
    warnings = _told(dataset, changed) + frozen.sentences(dataset)
    in_sync = not changed and not frozen.named
    if not target.exists:
        for column in columns:
            _check_new(dataset, column, chosen, given, called)
        typed = tuple(replace(c, type=types.get(c.name, c.type)) for c in columns)
        return Agreement(columns=typed, warnings=warnings, in_sync=in_sync)
    loaded, added = _split(columns, target, policy)
    for column in added:
        _check_new(dataset, column, chosen, given, called)
    for column in loaded:
        _check_chosen(column, target, chosen, given, called)
        _check_column(dataset, column, target, known, policy)
    _check_required(target, loaded, provenance)
    return Agreement(
        columns=tuple(replace(c, type=_target_type(c, target, types)) for c in loaded),
        add=tuple((c.name, types.get(c.name, c.type)) for c in added),
        warnings=warnings + _left_out(dataset, columns, loaded),
        in_sync=in_sync and len(loaded) == len(columns),
    )


def _check_key(
    dataset: str,
    columns: Sequence[Column],
    source: Sequence[SourceColumn],
    known: Collection[str],
    key: Sequence[str],
    provenance: bool,
) -> None:
    names = {c.name for c in columns} | (set(PROVENANCE) if provenance else set())
    missing = [k for k in key if k not in names]
    if not missing:
        return
    shown = {c.field: c.label for c in source}
    near = sentence(missing, {c.name: shown[c.whole] for c in columns})
    lacks = f"dataset {dataset} has no column {', '.join(missing)}, the key of the target"
    rest = f"{near}It has: {', '.join(sorted(names))}"
    if set(missing) <= {column_name(f) for f in known}:
        raise SchemaChanged(f"{lacks}; map it with datasets[].columns. {rest}")
    raise InvalidSpec(
        f"{lacks}; correct spec.target.key, or map it with datasets[].columns. {rest}"
    )


def _changes(
    columns: Sequence[Column],
    source: Sequence[SourceColumn],
    known: Mapping[str, str],
    *,
    agreed: Collection[str] | None,
) -> list[str]:
    """What else the source did to its columns since the last load, in words; nothing if never loaded.

    ``agreed`` are new fields that the manifest itself names; None: all that it does not load are. Computed regions
    come and go by themselves: those that are not loaded are no change.
    """
    if not known:
        return []
    now = {c.field: c.canonical for c in source}
    loaded = {c.whole for c in columns}
    agreed = None if agreed is None else set(map(parts.whole, agreed))
    told = [f for f in now if f in loaded or not is_computed_region(f)]
    new = [f for f in told if f not in known and f not in agreed] if agreed is not None else []
    retyped = [
        f"column {f} was {known[f]} and is {t}"
        for f, t in now.items()
        if f in loaded and known.get(f, t) != t
    ]
    return [f"column {f} is new" for f in new] + retyped


def _told(dataset: str, changed: Sequence[str]) -> tuple[str, ...]:
    return (f"dataset {dataset} changed: {'; '.join(changed)}",) if changed else ()


def _left_out(dataset: str, columns: Sequence[Column], loaded: Sequence[Column]) -> tuple[str, ...]:
    names = [c.name for c in columns if c not in loaded]
    if not names:
        return ()
    return (
        f"dataset {dataset}: {', '.join(names)} not loaded, since the target has no such column",
    )


def _split(
    columns: Sequence[Column], target: Target, policy: Policy
) -> tuple[list[Column], list[Column]]:
    """The columns to load, and those of them that the target must get first."""
    lacking = [c for c in columns if target.column(c.name) is None]
    if lacking and policy == "Fail":
        names = ", ".join(c.name for c in lacking)
        raise TargetMismatch(
            f"{target.name} has no column {names}; add it, choose columns with spec.target.fields, or "
            "set spec.target.onSchemaChange to AddColumns"
        )
    if policy == "Ignore":
        return [c for c in columns if c not in lacking], []
    return list(columns), lacking


def _wanted(
    column: Column, chosen: Mapping[str, str], given: Mapping[str, str]
) -> tuple[str, str | None]:
    """Where the manifest says the column's type, and which; a column is never in both."""
    path = "spec.target.types" if column.name in given else "spec.target.fields"
    return path, given.get(column.name) or chosen.get(column.name)


def _check_new(
    dataset: str,
    column: Column,
    chosen: Mapping[str, str],
    given: Mapping[str, str],
    called: Mapping[str, str],
) -> None:
    """A column still to be made. What its type cannot hold would else be found out by the first value."""
    path, wanted = _wanted(column, chosen, given)
    if wanted and not may_hold(column.source_type, called.get(wanted, wanted)):
        raise InvalidSpec(
            f"{path} wants {column.name} as {wanted}, which cannot hold dataset {dataset}'s {column.field} "
            f"({column.source_type}); write another type, or text"
        )


def _check_chosen(
    column: Column,
    target: Target,
    chosen: Mapping[str, str],
    given: Mapping[str, str],
    called: Mapping[str, str],
) -> None:
    there, (path, wanted) = target.column(column.name), _wanted(column, chosen, given)
    if there is None or not wanted or there.generated:
        return
    if bare_type(called.get(wanted, wanted)) != bare_type(there.type):
        raise TargetMismatch(
            f"{path} wants {column.name} as {wanted}, but {target.name} has it as "
            f"{there.type}; change one of them"
        )


def _check_column(
    dataset: str,
    column: Column,
    target: Target,
    known: Mapping[str, str] | None,
    policy: Policy,
) -> None:
    there = target.column(column.name)
    if there is None:
        return
    if there.generated:
        raise TargetMismatch(
            f"{target.name}.{column.name} is generated by PostgreSQL; leave it out of spec.target.fields"
        )
    fit = _fit(column, there)
    was = (known or {}).get(column.whole, column.field_type)
    retyped = (
        was != column.field_type and not column.whole_type
    )  # a part is of one type, whatever it is a part of
    if retyped and (fit == "never" or (fit == "perhaps" and policy != "Ignore")):
        raise SchemaChanged(
            f"dataset {dataset}: column {column.field} was {was} and is {column.source_type}, which "
            f"{target.name}.{column.name} ({there.type}) may not hold; run ALTER TABLE {target.name} "
            f"ALTER COLUMN {column.name} TYPE text, or set onSchemaChange to Ignore to try"
        )
    if fit == "never":
        raise TargetMismatch(
            f"{target.name}.{column.name} is {there.type}, which cannot hold the dataset's "
            f"{column.field} ({column.source_type}); alter the column, or map another to it"
        )


def _fit(column: Column, there: TargetColumn) -> Fit:
    """A domain takes what the type below it takes, and its constraint may refuse any value."""
    fit = fits(column.source_type, there.base or there.type)
    return "perhaps" if there.base and fit == "always" else fit


def _check_required(target: Target, loaded: Sequence[Column], provenance: bool) -> None:
    given = {c.name for c in loaded} | (set(PROVENANCE) if provenance else set())
    empty = [
        c.name for c in target.columns if c.required and not c.has_default and c.name not in given
    ]
    if empty:
        raise TargetMismatch(
            f"{target.name}: {', '.join(empty)} must not be null, and the dataset has nothing for it; drop "
            "the NOT NULL, give it a default, or map a column to it"
        )


def _target_type(column: Column, target: Target, types: Mapping[str, str]) -> str:
    there = target.column(column.name)
    return there.type if there else types.get(column.name, column.type)
