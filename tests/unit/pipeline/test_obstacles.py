from __future__ import annotations

from typing import Any

import pytest

from socratasync.errors import TargetMismatch
from socratasync.pipeline.plan.obstacles import check_additions, check_obstacles
from socratasync.pipeline.target.catalog import Target
from socratasync.pipeline.target.surroundings import Surroundings

TABLE = Target(schema="public", table="parks", kind="r", owned=True)


def around(**words: Any) -> Surroundings:
    return Surroundings(**words)


@pytest.mark.parametrize(
    ("surroundings", "said"),
    [
        (around(children=("trees", "benches")), "ALTER TABLE trees NO INHERIT public.parks"),
        (around(lacks_partitions="h"), "FOR VALUES WITH (MODULUS 1, REMAINDER 0)"),
        (around(lacks_partitions="l"), "PARTITION OF public.parks DEFAULT"),
        (around(lacks_partitions="r"), "PARTITION OF public.parks DEFAULT"),
        (around(rules=("copied ON parks", "kept ON parks")), "DROP RULE copied ON parks"),
        (around(hides_rows=True), "NO FORCE ROW LEVEL SECURITY"),
        (around(publication="told"), "REPLICA IDENTITY FULL"),
    ],
)
@pytest.mark.parametrize("resets", [False, True])
def test_what_keeps_every_run_from_a_table_is_said_with_what_to_run(
    surroundings: Surroundings, said: str, resets: bool
) -> None:
    with pytest.raises(TargetMismatch) as caught:
        check_obstacles(TABLE, surroundings, resets=resets)

    assert said in caught.value.message


def test_a_foreign_key_is_in_the_way_of_a_reset_alone() -> None:
    referenced = around(referenced_by=("of_park of visits", "of_tree of visits"))

    check_obstacles(TABLE, referenced, resets=False)
    with pytest.raises(TargetMismatch) as caught:
        check_obstacles(TABLE, referenced, resets=True)
    assert "the foreign key of_park of visits refers to it" in caught.value.message
    assert "spec.target.prune" in caught.value.message


HARMLESS = around(partition_of="cities", of_type="park", row_triggers=("meddle",))


@pytest.mark.parametrize("surroundings", [around(), HARMLESS])
@pytest.mark.parametrize("resets", [False, True])
def test_a_table_with_nothing_in_the_way_is_taken(surroundings: Surroundings, resets: bool) -> None:
    check_obstacles(TABLE, surroundings, resets=resets)


NEW = [("acres", "numeric"), ("Opened at", "date")]


@pytest.mark.parametrize(
    ("surroundings", "why", "said"),
    [
        (
            around(partition_of="cities"),
            "It is a partition of cities, ",
            'ALTER TABLE cities ADD COLUMN "acres" numeric, ADD COLUMN "Opened at" date',
        ),
        (
            around(of_type="park"),
            "It is made of the type park, ",
            'ALTER TYPE park ADD ATTRIBUTE "acres" numeric CASCADE, ADD ATTRIBUTE "Opened at" date CASCADE',
        ),
    ],
)
def test_columns_that_a_table_cannot_be_given_are_refused_with_where_they_come_from(
    surroundings: Surroundings, why: str, said: str
) -> None:
    with pytest.raises(TargetMismatch) as caught:
        check_additions(TABLE, surroundings, NEW)

    assert caught.value.message.startswith("public.parks lacks acres, Opened at. ")
    assert why in caught.value.message
    assert caught.value.message.endswith(f"run {said}")
    check_additions(TABLE, surroundings, [])


def test_any_other_table_may_be_given_columns() -> None:
    check_additions(TABLE, around(), NEW)
