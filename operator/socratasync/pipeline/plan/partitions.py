"""Which partitions a table lacks for the rows that come, and whether those that it has show how they are made. Pure.

They show it where all are alike: one value each, or equal ranges one after the other, with names that are made of
these, in one schema. Whoever names them otherwise is told the statement to run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from socratasync.contract.report import listed
from socratasync.errors import TargetMismatch
from socratasync.pipeline.plan.bounds import (
    LISTED,
    MOMENTS,
    NUMBERS,
    Grid,
    Point,
    Range,
    Unreadable,
    find_grid,
    read_list,
    read_point,
    read_range,
    takes,
    write_point,
)
from socratasync.pipeline.plan.model import DatasetPlan
from socratasync.pipeline.plan.partition_names import (
    LIST_LABELS,
    LONGEST_NAME,
    Label,
    Naming,
    Part,
    find_naming,
    range_labels,
)
from socratasync.pipeline.target.partitions import (
    NewPartition,
    Partitioned,
    create_partition,
)
from socratasync.pipeline.target.types import bare_type

MOST = 200
"""So many are made for one dataset at once; more are hardly meant."""

_TOLD = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A partitioned table, understood. ``taken``: the values of a list, or the ranges. ``naming``: None where its
    partitions show none; ``grid``: the same of ranges."""

    of: Partitioned
    values: frozenset[str | None] = frozenset()
    ranges: tuple[Range, ...] = ()
    naming: Naming | None = None
    grid: Grid | None = None

    def lacking(self, texts: Iterable[str]) -> list[NewPartition]:
        """The partitions for those of the values, as PostgreSQL writes them, that none takes. Raises
        ``TargetMismatch``, with the statements to run, where it is not shown how they are made."""
        parts = dict.fromkeys(self._parts(texts))
        named = {part: self._named(part) for part in parts}
        if len(parts) <= MOST and all(named.values()):
            return [new for new in named.values() if new]
        raise TargetMismatch(self._sentence(named))

    def _parts(self, texts: Iterable[str]) -> Iterator[Part]:
        """What is to be taken. A value that cannot be read is left to the table, which refuses its row."""
        for text in texts:
            if self.of.way == "l":
                if text not in self.values:
                    yield text
                continue
            with suppress(Unreadable):
                point = read_point(text, self.of.type)
                if not any(takes(known, point) for known in self.ranges):
                    yield self._range(point)

    def _range(self, point: Point) -> tuple[Point, Point]:
        """That of the grid, or else the value's year, or the value alone; up to where the next ones begin."""
        usual = Grid(unit="number", size=1, offset=0)
        if not isinstance(point, int):
            usual = Grid(unit="months", size=12, offset=0)
        low, high = (self.grid or usual).cell(point)
        ends = [end for _, end in self.ranges if end is not None and end <= point]  # type: ignore[operator]
        begins = [begin for begin, _ in self.ranges if begin is not None and begin > point]  # type: ignore[operator]
        return max([low, *ends]), min([high, *begins])

    def _named(self, part: Part) -> NewPartition | None:
        """The partition, made like the others; None if they do not show how."""
        fits = isinstance(part, str) or (self.grid and self.grid.cell(part[0]) == part)
        name = self.naming.name(part) if self.naming and fits else None
        like = self.of.partitions[0] if self.of.partitions else None
        if name is None or like is None or name in {known.name for known in self.of.partitions}:
            return None
        return NewPartition(
            schema=like.schema,
            name=name,
            values=self._values(part),
            owner=like.owner,
            tablespace=like.tablespace,
        )

    def _values(self, part: Part) -> tuple[str | int] | tuple[str | int, str | int]:
        if isinstance(part, str):
            return (int(part) if bare_type(self.of.type) in NUMBERS else part,)
        return write_point(part[0], self.of.type), write_point(part[1], self.of.type)

    def _sentence(self, named: Mapping[Part, NewPartition | None]) -> str:
        name, many = self.of.name, len(named) > MOST
        lacks = [self._shown(part) for part, new in named.items() if many or new is None]
        why = (
            f"and that is more than {MOST:,} at once, which may be slips"
            if many
            else "and its other ones do not show how it is made"
        )
        statements = [
            create_partition(
                self.of.schema, self.of.table, new or self._suggested(part)
            ).as_string()
            for part, new in named.items()
        ]
        return (
            f"{name} has no partition for {self.of.column} {listed(lacks, _TOLD)}, {why}. Run "
            f"{'; '.join(statements[:_TOLD])}{' and so on' if len(statements) > _TOLD else ''}, or make one for all "
            f"other rows: CREATE TABLE {name}_rest PARTITION OF {name} DEFAULT"
        )

    def _shown(self, part: Part) -> str:
        if isinstance(part, str):
            return part
        low, high = self._values(part)[0], self._values(part)[-1]
        return f"from {low} to {high}"

    def _suggested(self, part: Part) -> NewPartition:
        """A partition under a name that a person may change."""
        text = part if isinstance(part, str) else str(self._values(part)[0])
        ending = re.sub("[^A-Za-z0-9]+", "_", text).strip("_").lower()[:30]
        table = self.of.table[: LONGEST_NAME - len(ending) - 1]
        return NewPartition(
            schema=self.of.schema, name=f"{table}_{ending}", values=self._values(part)
        )


def read_layout(partitioned: Partitioned | None) -> Layout | None:
    """The table's partitions, understood; None where they are not: the table itself tells then which row it has no
    partition for."""
    if partitioned is None:
        return None
    pg_type = bare_type(partitioned.type)
    with suppress(Unreadable):
        if partitioned.way == "l" and pg_type in LISTED:
            return _listed(partitioned)
        if partitioned.way == "r" and pg_type in (*NUMBERS, *MOMENTS):
            return _ranged(partitioned)
    return None


def _listed(of: Partitioned) -> Layout:
    lists = {known.name: read_list(known.bounds) for known in of.partitions}
    parts: dict[str, Part] = {
        name: values[0]
        for name, values in lists.items()
        if len(values) == 1 and values[0] is not None
    }
    alike = len(parts) == len(of.partitions)
    return Layout(
        of=of,
        values=frozenset(value for values in lists.values() for value in values),
        naming=find_naming(of, parts, LIST_LABELS) if alike else None,
    )


def _ranged(of: Partitioned) -> Layout:
    ranges = {known.name: read_range(known.bounds, of.type) for known in of.partitions}
    whole = {
        name: (low, high)
        for name, (low, high) in ranges.items()
        if low is not None and high is not None
    }
    grid = find_grid(list(whole.values()))
    labels: tuple[Label, ...] = range_labels(grid) if grid else ()
    return Layout(
        of=of,
        ranges=tuple(ranges.values()),
        naming=find_naming(of, whole, labels),
        grid=grid,
    )


def for_dataset(partitioned: Partitioned | None, dataset: str) -> NewPartition | None:
    """The partition that the dataset's rows need, where the table takes them by dataset; None if it is there. Raises
    ``TargetMismatch`` where it is not shown how it is made."""
    layout = read_layout(partitioned)
    if layout is None or layout.of.way != "l" or layout.of.column != "socrata_dataset":
        return None
    return next(iter(layout.lacking([dataset])), None)


def partition_statements(
    partitioned: Partitioned | None, plans: Iterable[DatasetPlan]
) -> list[str]:
    """Those by which a run of the plans makes what their datasets lack; what lacks for other reasons only the rows
    tell."""
    due = [plan.dataset for plan in plans if not plan.nothing_to_do]
    made = [new for dataset in due if (new := for_dataset(partitioned, dataset))]
    return [
        create_partition(partitioned.schema, partitioned.table, new).as_string()
        for new in made
        if partitioned
    ]


def how_made(partitioned: Partitioned | None) -> str | None:
    """A sentence on how partitions that rows need are made, which only the rows tell; None where they need none."""
    layout = read_layout(partitioned)
    if layout is None or layout.of.column == "socrata_dataset":
        return None
    if layout.naming is None:
        return (
            f"a row whose {layout.of.column} no partition takes fails its dataset: how they are made is not shown by "
            "those that are there"
        )
    like = layout.of.partitions[-1].name
    return f"a partition that rows need for their {layout.of.column} is made before the merge, like {like}"
