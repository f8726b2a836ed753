"""What SODA3 makes of a query beyond its clauses: columns that nobody selected, pages, orders ignored.

A dataset may answer otherwise by SODA3 than by SODA2, in ways that nobody has seen and nobody has
excluded; ``Differences`` are the switches for that.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from socrata_simulator.refusals import query as bad
from socrata_simulator.rows.dialect import SODA3
from socrata_simulator.rows.table import SYSTEM_TYPES, Table
from socrata_simulator.soql.evaluate import Compiler
from socrata_simulator.soql.parts import Typed
from socrata_simulator.soql.query import Query, parse
from socrata_simulator.soql.selection import Output
from socrata_simulator.soql.syntax import Name

ORDERINGS = ("total", "no_preserve", "discard")
UNASKED = (":id", ":version", ":created_at", ":updated_at")
"""The system columns that are added to every row, in this order."""

_OTHER_KEY = 0x5DEECE66D


class Differences:
    """How a dataset answers by SODA3 other than by SODA2. A ``Dataset`` has these."""

    ids_differ = False
    """Whether its rows have other ``:id``s."""
    wkt_decimals = 12
    """How many decimals the coordinates of geometries have at most."""
    unasked_columns: tuple[str, ...] = ()
    """Columns that come at the end of each row, even with ``includeSynthetic: false``."""
    renamed_columns: Mapping[str, str] = {}
    """Other names in the answer for some columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a request asks for beside its query. ``page`` is (number from 1, size)."""

    include_system: bool = True
    include_synthetic: bool = True
    ordering: str = ""
    page: tuple[int, int] | None = None
    systems_first: bool = False

    def __post_init__(self) -> None:
        """Raises ``Refused`` for what the interface does not know."""
        if self.ordering and self.ordering not in ORDERINGS:
            raise bad(400, "invalid-parameter", f"orderingSpecifier is none of {ORDERINGS}")
        if self.page and (self.page[0] < 1 or self.page[1] < 1):
            raise bad(400, "invalid-parameter", "pageNumber and pageSize begin at 1")


def parse_soda3(
    table: Table,
    parameters: Mapping[str, str],
    dataset: str,
    wishes: Wishes,
    differences: Differences,
) -> Query:
    """Parse a request against the table that ``seen_by_soda3`` made. Raises ``Refused``."""
    if wishes.ordering == "discard":
        parameters = {k: v for k, v in parameters.items() if k != "$order"}
    dialect = replace(SODA3, decimals=differences.wkt_decimals)
    query = parse(table, parameters, dataset, dialect)
    query = replace(query, outputs=tuple(_outputs(query, wishes, differences)))
    return _paged(query, wishes.page, dataset) if wishes.page else query


def seen_by_soda3(table: Table, differences: Differences) -> Table:
    """The table with the ``:id``s that SODA3 shows. What is made once is kept in the table's memo."""
    if not differences.ids_differ:
        return table
    other: Table | None = table.memo.get("seen by SODA3")
    if other is None:
        other = replace(table, key=table.key ^ _OTHER_KEY, memo={})
        table.memo["seen by SODA3"] = other
    return other


def _outputs(query: Query, wishes: Wishes, differences: Differences) -> Iterable[Output]:
    """The columns of the answer. Aggregates come without any that were not selected."""
    if query.is_summary:
        return query.outputs
    outputs = list(query.outputs)
    if wishes.include_synthetic:
        outputs = _with_synthetic(query.table, outputs, systems_first=wishes.systems_first)
    outputs += [_unasked(query.table, name) for name in differences.unasked_columns]
    renamed = differences.renamed_columns
    outputs = [replace(o, name=renamed.get(o.name, o.name)) for o in outputs]
    return outputs if wishes.include_system else [o for o in outputs if o.name[:1] != ":"]


def _with_synthetic(table: Table, outputs: list[Output], *, systems_first: bool) -> list[Output]:
    """The columns, and the system columns and computed regions that are not among them."""
    there = {o.name for o in outputs}
    systems = [Output(n, SYSTEM_TYPES[n], system=n) for n in UNASKED if n not in there]
    regions = [
        Output(f.name, f.kind, field=f)
        for f in table.fields
        if f.synthetic and f.name not in there and not f.hidden
    ]
    return [*systems, *outputs, *regions] if systems_first else [*outputs, *systems, *regions]


def _unasked(table: Table, name: str) -> Output:
    """A column of that name; one that the dataset does not have is null in every row."""
    if name in SYSTEM_TYPES:
        return Output(name, SYSTEM_TYPES[name], system=name)
    field = table.find(name)
    kind = field.kind if field else "text"
    return Output(name, kind, field=field, value=None if field else Typed(kind, lambda _: None))


def _paged(query: Query, page: tuple[int, int], dataset: str) -> Query:
    """One page of what the query asks for, in a total order: where it has none, by ``:id``."""
    number, size = page
    skipped = (number - 1) * size
    left = query.limit if query.limit == sys.maxsize else max(query.limit - skipped, 0)
    query = replace(query, offset=query.offset + skipped, limit=min(size, left))
    if query.order:
        return query
    by_id = Compiler(query.table, dataset, "").typed(Name(":id", 0))
    return replace(query, order=((by_id, False),), by_id=True)
