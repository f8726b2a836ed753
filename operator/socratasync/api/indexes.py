"""``spec.target.indexes``: the indexes that the table has besides its key."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictStr

from socratasync.api.names import ColumnName, distinct, is_column_name
from socratasync.api.rules import Block, Rule

IndexMethod = Literal["btree", "hash", "gist", "spgist", "gin", "brin"]

_OF_ONE_COLUMN = ("hash", "spgist")

RESERVED = "socratasync_"
"""What names of indexes begin with while they are made."""

IndexName = Annotated[
    StrictStr,
    Field(min_length=1, max_length=63),
    Rule(
        message="must be an index's name of at most 63 bytes, without its schema, quotes or control characters",
        holds=lambda text: is_column_name(text),
        cel="""self.matches('^[^"\\\\x00-\\\\x1f]+$')""",
    ),
    Rule(
        message=f"must not begin with {RESERVED}, as indexes do while they are made",
        holds=lambda text: not text.startswith(RESERVED),
        cel=f"!self.startsWith('{RESERVED}')",
    ),
]
Condition = Annotated[
    StrictStr,
    Field(min_length=1, max_length=2048),
    Rule(
        message="must be a condition, such as status = 'Open'",
        holds=lambda text: bool(text.strip()) and "\0" not in text,
        cel="self.matches('[^ ]')",
    ),
]


class IndexSpec(Block):
    """An index of the table. One of the same definition that is there already counts, whoever made it."""

    rules = (
        Rule(
            message="must be true only with method btree: no other one knows unique indexes",
            holds=lambda index: index.method == "btree" or not index.unique,
            cel="self.method == 'btree' || !self.unique",
            field="unique",
        ),
        Rule(
            message="must be one column where method is hash or spgist, which index no more",
            holds=lambda index: len(index.columns) == 1 or index.method not in _OF_ONE_COLUMN,
            cel=f"size(self.columns) == 1 || !(self.method in {list(_OF_ONE_COLUMN)})",
            field="columns",
        ),
    )

    columns: Annotated[
        tuple[ColumnName, ...],
        Field(min_length=1, max_length=16),
        distinct("must name each column once"),
    ]
    """The table's columns, in the index's order."""
    method: IndexMethod = "btree"
    """PostgreSQL's index method: btree for equality, order and ranges, gist for places and geometry, gin for
    arrays and jsonb, brin for large tables in the order of a column, hash, spgist."""
    unique: StrictBool = False
    """Whether no two rows may share these columns. A row that would is refused by the table from then on."""
    where: Condition | None = None
    """A condition, as SQL, for an index of only the rows that meet it. It may call no function whose result
    changes by itself, such as now()."""
    name: IndexName | None = None
    """The index's name. Left out: made of the table, the columns and a digest of the definition."""

    @property
    def definition(self) -> tuple[tuple[str, ...], str, bool, str | None]:
        """What the index is, without what it is called."""
        return self.columns, self.method, self.unique, self.where


def _differ(items: list[object]) -> bool:
    return len(set(items)) == len(items)


Indexes = Annotated[
    tuple[IndexSpec, ...],
    Field(max_length=32),
    Rule(
        message="must have names that differ",
        holds=lambda indexes: _differ([index.name for index in indexes if index.name]),
        cel="self.all(x, !has(x.name) || self.exists_one(y, has(y.name) && y.name == x.name))",
    ),
    Rule(
        message="must list each index once: two differ in their name alone",
        holds=lambda indexes: _differ([index.definition for index in indexes]),
    ),
]
