"""Whether a table is ready for a dataset, and what a new one is made of."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.pipeline.plans import PLAN

from socratasync.pipeline.columns import PROVENANCE
from socratasync.pipeline.merge.table import create_target, is_complete
from socratasync.pipeline.plan.model import DatasetPlan
from socratasync.pipeline.target.catalog import Target, TargetColumn

NO_TABLE = Target(schema="public", table="requests")
BESIDE = replace(PLAN, alone=False)
BARE = replace(PLAN, shape=replace(PLAN.shape, provenance=False))


def table(*names: str) -> Target:
    columns = [
        TargetColumn(name=name, type="text", required=False, has_default=False, generated=False)
        for name in names
    ]
    return replace(NO_TABLE, kind="r", columns=tuple(columns))


WHOLE = table("more", "srnumber", "status", *PROVENANCE)


@pytest.mark.parametrize(
    ("target", "plan", "ready"),
    [
        pytest.param(WHOLE, PLAN, True, id="all columns are there"),
        pytest.param(WHOLE, BESIDE, True, id="for one of several datasets, too"),
        pytest.param(table("srnumber", *PROVENANCE), PLAN, False, id="a column is missing"),
        pytest.param(table("srnumber", "status"), PLAN, False, id="provenance is missing"),
        pytest.param(table("srnumber", "status"), BARE, True, id="and not wanted"),
        pytest.param(NO_TABLE, PLAN, True, id="a dataset that is alone makes its table"),
        pytest.param(NO_TABLE, BESIDE, False, id="one of several needs it first"),
    ],
)
def test_whether_rows_may_come(target: Target, plan: DatasetPlan, ready: bool) -> None:
    assert is_complete(target, plan) is ready


def test_a_new_table_has_the_columns_of_all_its_datasets() -> None:
    plan = replace(PLAN, table=(("srnumber", "text"), ("zip", "numeric")))

    made = create_target(plan).as_string()

    assert made == 'CREATE TABLE "public"."requests" ("srnumber" text, "zip" numeric)'
