from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.pipeline.plans import KNOWN, PLAN

from socratasync.pipeline.merge.strategy import Strategy, choose, choose_by_key
from socratasync.pipeline.plan.model import Before

PG14, PG16, PG17, PG18 = 140012, 160009, 170000, 180001


@pytest.mark.parametrize(
    ("rows", "staged", "server", "strategy"),
    [
        pytest.param(1000, 0, PG18, Strategy.UPSERT, id="nothing into a full table"),
        pytest.param(1000, 100, PG18, Strategy.UPSERT, id="a tenth of the table"),
        pytest.param(1000, 101, PG18, Strategy.MERGE, id="more than a tenth"),
        pytest.param(1000, 101, PG17, Strategy.MERGE, id="the first whose MERGE counts"),
        pytest.param(1000, 101, PG16, Strategy.DIFFERENCE, id="the last whose MERGE does not"),
        pytest.param(1000, 101, PG14, Strategy.DIFFERENCE, id="no MERGE at all"),
        pytest.param(3, 5, PG18, Strategy.MERGE, id="more rows than the table has"),
        pytest.param(0, 0, PG14, Strategy.FILL, id="nothing into an empty table"),
        pytest.param(0, 10, PG18, Strategy.FILL, id="the table is empty"),
    ],
)
def test_the_cheapest_way_of_merging_known_rows_is_chosen(
    rows: int | None, staged: int, server: int, strategy: Strategy
) -> None:
    before = Before(exists=rows is not None, rows=rows or 0, server_version=server)

    assert choose(replace(PLAN, before=before, known=KNOWN), staged) is strategy


@pytest.mark.parametrize(
    ("rows", "new_table", "staged", "strategy"),
    [
        pytest.param(None, "new_1", 10, Strategy.CREATE, id="there is no table"),
        pytest.param(None, None, 10, Strategy.FILL, id="nor anything to tell datasets apart by"),
        pytest.param(1000, None, 500, Strategy.FILL, id="many rows"),
        pytest.param(1000, None, 100, Strategy.UPSERT, id="few rows"),
    ],
)
def test_a_dataset_that_is_new_to_its_table_is_hardly_there(
    rows: int | None, new_table: str | None, staged: int, strategy: Strategy
) -> None:
    before = Before(exists=rows is not None, rows=rows or 0, server_version=PG18)

    shape = replace(PLAN.shape, new_table=new_table)

    assert choose(replace(PLAN, before=before, known=None, shape=shape), staged) is strategy


def test_a_reset_replaces_whatever_there_is() -> None:
    assert choose(PLAN, 5, resets=True) is Strategy.REPLACE


@pytest.mark.parametrize(("staged", "strategy"), [(1, Strategy.UPSERT), (500, Strategy.MERGE)])
def test_rows_whose_keys_proved_to_be_there_are_merged_by_key(
    staged: int, strategy: Strategy
) -> None:
    assert choose_by_key(Before(exists=True, rows=1000, server_version=PG18), staged) is strategy
