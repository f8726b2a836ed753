"""What around a table keeps every run, or this one, from loading it. Pure.

A run would load such a table once and never again, or wrongly: so it is refused before the first row is
read, by the name of what is in the way and with what to do about it.
"""

from __future__ import annotations

from collections.abc import Sequence

from socratasync.errors import TargetMismatch
from socratasync.pipeline.target.catalog import Target
from socratasync.pipeline.target.surroundings import Surroundings
from socratasync.pipeline.target.types import quoted

_ANY_ROW = {
    "h": "FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
    "l": "DEFAULT",
    "r": "DEFAULT",
}
"""The partition that takes every row, by hash, list or range."""


def check_obstacles(target: Target, around: Surroundings, *, resets: bool) -> None:
    """Raises ``TargetMismatch`` for what keeps a run from loading the table. ``resets``: the run would
    empty it."""
    problem = _obstacle(target, around) or (resets and _obstacle_to_reset(target, around))
    if problem:
        raise TargetMismatch(problem)


def _obstacle(target: Target, around: Surroundings) -> str | None:
    name = target.name
    if around.children:
        child = around.children[0]
        return (
            f"{child} inherits from {name}, whose key does not reach into it: a row there would be loaded "
            f"again beside it, and emptying {name} would empty it, too. Run ALTER TABLE {child} NO INHERIT {name}"
        )
    if around.lacks_partitions:
        return (
            f"{name} has no partition that could take a row; make its partitions, or one for all rows: CREATE "
            f"TABLE {name}_rows PARTITION OF {name} {_ANY_ROW[around.lacks_partitions]}"
        )
    if around.rules:
        rule = around.rules[0]
        return (
            f"{name} has the rule {rule}, and PostgreSQL merges by key into no table that has rules; make it "
            f"a trigger, and run DROP RULE {rule}"
        )
    if around.hides_rows:
        return (
            f"row security hides rows of {name} from its own owner, so that they could be neither found nor "
            f"counted; run ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY, which leaves it on for others"
        )
    if around.publication:
        return (
            f"publication {around.publication} tells of rows of {name} that change or go, and nothing says "
            f"which they are; run ALTER TABLE {name} REPLICA IDENTITY FULL, or give it a primary key"
        )
    return None


def _obstacle_to_reset(target: Target, around: Surroundings) -> str | None:
    if not around.referenced_by:
        return None
    return (
        f"spec.target.reset empties {target.name}, which PostgreSQL refuses while the foreign key "
        f"{around.referenced_by[0]} refers to it; set spec.target.prune in its place, or drop that foreign key"
    )


def check_additions(
    target: Target, around: Surroundings, columns: Sequence[tuple[str, str]]
) -> None:
    """Raises ``TargetMismatch`` where the table lacks ``columns`` (name, type) and can't be given any."""
    if not columns or not (around.partition_of or around.of_type):
        return
    names = ", ".join(name for name, _ in columns)
    if around.partition_of:
        what = f"is a partition of {around.partition_of}, and gets columns only together with it"
        verb, to, end = "ADD COLUMN", f"TABLE {around.partition_of}", ""
    else:
        what = f"is made of the type {around.of_type}, and gets columns only by it"
        verb, to, end = "ADD ATTRIBUTE", f"TYPE {around.of_type}", " CASCADE"
    added = ", ".join(f"{verb} {quoted(name)} {pg_type}{end}" for name, pg_type in columns)
    raise TargetMismatch(f"{target.name} lacks {names}. It {what}; run ALTER {to} {added}")
