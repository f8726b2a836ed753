"""Whether a table is ready for a dataset, and what a new one is made of."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.pipeline.plans import PLAN

from socratasync.pipeline.columns import PROVENANCE, Column
from socratasync.pipeline.merge.table import definition, is_complete
from socratasync.pipeline.plan.model import DatasetPlan
from socratasync.pipeline.target.catalog import Target, TargetColumn

NO_TABLE = Target(schema="public", table="requests")
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
        pytest.param(table("srnumber", *PROVENANCE), PLAN, False, id="a column is missing"),
        pytest.param(table("srnumber", "status"), PLAN, False, id="provenance is missing"),
        pytest.param(table("srnumber", "status"), BARE, True, id="and not wanted"),
        pytest.param(NO_TABLE, PLAN, False, id="there is no table"),
    ],
)
def test_whether_rows_may_come(target: Target, plan: DatasetPlan, ready: bool) -> None:
    assert is_complete(target, plan) is ready


def test_a_new_table_has_the_columns_of_all_its_datasets() -> None:
    plan = replace(PLAN, table=(("srnumber", "text"), ("zip", "numeric")))

    made = definition(NO_TABLE, [plan])

    assert made == [
        'CREATE TABLE "public"."requests" (\n    "srnumber" text,\n    "zip" numeric\n)',
        'ALTER TABLE "public"."requests" ADD PRIMARY KEY ("srnumber")',
    ]


PLANNED = replace(PLAN, table=(("srnumber", "text"), ("status", "text")))
OTHER = replace(
    PLAN,
    dataset="else-0001",
    shape=replace(
        PLAN.shape,
        columns=(
            *PLAN.shape.columns,
            Column(name="zip", field="zip", source_type="number", type="numeric"),
        ),
    ),
)
STATUS = 'ALTER TABLE "public"."requests" ADD COLUMN IF NOT EXISTS "status" text'
ZIP = 'ALTER TABLE "public"."requests" ADD COLUMN IF NOT EXISTS "zip" numeric'
MADE = [
    'CREATE TABLE "public"."requests" (\n    "srnumber" text,\n    "status" text\n)',
    'ALTER TABLE "public"."requests" ADD PRIMARY KEY ("srnumber")',
]
DONE = replace(OTHER, nothing_to_do=True)


@pytest.mark.parametrize(
    ("target", "plans", "statements"),
    [
        pytest.param(NO_TABLE, [PLANNED], MADE, id="a new table"),
        pytest.param(NO_TABLE, [PLANNED, OTHER], MADE, id="one for several datasets"),
        pytest.param(NO_TABLE, [], [], id="no dataset can be planned"),
        pytest.param(WHOLE, [PLAN], [], id="a whole table"),
        pytest.param(table("srnumber", *PROVENANCE), [PLAN], [STATUS], id="a column is missing"),
        pytest.param(
            table("srnumber", *PROVENANCE), [PLAN, OTHER], [STATUS, ZIP], id="each adds its own"
        ),
        pytest.param(
            table("srnumber", *PROVENANCE),
            [OTHER, PLAN],
            [STATUS + ZIP.replace('ALTER TABLE "public"."requests"', ",")],
            id="and no column twice",
        ),
        pytest.param(WHOLE, [DONE], [], id="a dataset with nothing to do adds nothing"),
        pytest.param(NO_TABLE, [DONE], [], id="and makes none"),
    ],
)
def test_how_a_run_makes_or_completes_the_table(
    target: Target, plans: list[DatasetPlan], statements: list[str]
) -> None:
    assert definition(target, plans) == statements
