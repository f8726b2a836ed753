"""What a target database holds, as plain values: a table, its columns and keys, a view. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetColumn:
    """A column of the target table as PostgreSQL describes it."""

    name: str
    type: str
    required: bool
    has_default: bool
    generated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The target table. ``kind`` is pg_class's relkind; None when there is no such relation."""

    schema: str
    table: str
    kind: str | None = None
    owned: bool = False
    owner: str = ""
    schema_exists: bool = True
    may_create: bool = True
    estimate: int = 0
    columns: tuple[TargetColumn, ...] = ()
    unique_keys: tuple[tuple[str, ...], ...] = ()

    @property
    def name(self) -> str:
        """``schema.table``, as people write it."""
        return f"{self.schema}.{self.table}"

    @property
    def exists(self) -> bool:
        """Whether something of that name is there."""
        return self.kind is not None

    def column(self, name: str) -> TargetColumn | None:
        """The column of that name, if there is one."""
        return next((c for c in self.columns if c.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaterializedView:
    """A view to refresh. ``concurrently``: readers need not wait for it."""

    name: str
    concurrently: bool
