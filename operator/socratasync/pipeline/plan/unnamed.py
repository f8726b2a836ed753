"""Which columns are loaded that the manifest does not name, and in which parts. Pure.

All, but for computed regions: a portal adds and drops those by itself, and few tables need them. Values of several
parts come in parts that PostgreSQL reads. What a table has already is filled on as it was: it was loaded before there
was a choice, or with another one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from socratasync.pipeline import parts
from socratasync.pipeline.columns import SourceColumn, is_computed_region
from socratasync.pipeline.plan.names import column_name
from socratasync.pipeline.target.catalog import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Unnamed:
    """What decides about them. ``computed_regions``: all of these are loaded (``spec.source.computedRegions``);
    ``points``: a location becomes a point; ``whole``: nothing is taken apart; ``typed``: the columns for which the
    manifest gives a type. ``target``: the table, None where nobody looked; ``filled``: its columns → the fields, or
    parts, that filled them last, whichever dataset's."""

    computed_regions: bool = False
    points: bool = False
    whole: bool = False
    typed: Collection[str] = ()
    target: Target | None = None
    filled: Mapping[str, str] = field(default_factory=dict)

    def paths(self, source: Mapping[str, SourceColumn]) -> list[str]:
        """The fields and parts that are loaded, in the order of the dataset's fields."""
        return [path for column in source.values() for path in self._loaded(column)]

    def path(self, column: SourceColumn) -> str:
        """What a column that is called as the field is filled by: the field, or its only part."""
        paths = self.parts_of(column)
        return paths[0] if len(paths) == 1 else column.field

    def parts_of(self, column: SourceColumn) -> tuple[str, ...]:
        """The field, or the parts of it that are loaded in its place."""
        default = parts.BY_DEFAULT.get(column.canonical)
        if default is None or self._stays_whole(column, alone=len(default) == 1):
            return (column.field,)
        return tuple(f"{column.field}.{part}" for part in default)

    def _stays_whole(self, column: SourceColumn, *, alone: bool) -> bool:
        name = column_name(column.field)
        if self._is_filled_by(column.field):
            return True
        if self._has(name):
            return not parts.split(self.filled.get(name, ""))[1]
        one_value = self.points and column.canonical == "location"
        return self.whole or one_value or (name in self.typed and not alone)

    def _loaded(self, column: SourceColumn) -> tuple[str, ...]:
        if is_computed_region(column.field) and not self._loads_region(column.field):
            return ()
        return self.parts_of(column)

    def _loads_region(self, region: str) -> bool:
        there = self._has(column_name(region)) or self._is_filled_by(region)
        return self.computed_regions or there

    def _is_filled_by(self, path: str) -> bool:
        return any(self._has(name) for name, last in self.filled.items() if last == path)

    def _has(self, name: str) -> bool:
        return self.target is not None and self.target.column(name) is not None
