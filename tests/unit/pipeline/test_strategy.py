from __future__ import annotations

import pytest

from socratasync.pipeline.merge.strategy import Strategy, choose

PG14, PG15, PG18 = 140012, 150000, 180001


def test_a_large_dataset_that_is_new_to_the_table_is_filled_in() -> None:
    chosen = choose(
        exists=True,
        empty=False,
        is_new=True,
        staged_rows=500,
        target_rows=1000,
        server_version=PG18,
    )

    assert chosen is Strategy.FILL


@pytest.mark.parametrize(
    ("exists", "empty", "staged", "target", "server", "strategy"),
    [
        pytest.param(False, True, 10, 0, PG18, Strategy.CREATE, id="there is no table"),
        pytest.param(True, True, 10, 0, PG18, Strategy.FILL, id="the table is empty"),
        pytest.param(True, True, 0, 0, PG14, Strategy.FILL, id="nothing into an empty table"),
        pytest.param(True, False, 0, 1000, PG18, Strategy.UPSERT, id="nothing into a full table"),
        pytest.param(True, False, 100, 1000, PG18, Strategy.UPSERT, id="a tenth of the table"),
        pytest.param(True, False, 101, 1000, PG18, Strategy.MERGE, id="more than a tenth"),
        pytest.param(True, False, 101, 1000, PG15, Strategy.MERGE, id="the first with MERGE"),
        pytest.param(True, False, 101, 1000, PG14, Strategy.DIFFERENCE, id="the last without"),
        pytest.param(True, False, 5, 3, PG18, Strategy.MERGE, id="more rows than the table has"),
    ],
)
def test_the_cheapest_way_of_merging_is_chosen(
    exists: bool, empty: bool, staged: int, target: int, server: int, strategy: Strategy
) -> None:
    chosen = choose(
        exists=exists, empty=empty, staged_rows=staged, target_rows=target, server_version=server
    )

    assert chosen is strategy
