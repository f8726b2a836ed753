"""What a plan says of keys and values."""

from __future__ import annotations

import pytest
from tests.unit.pipeline.plans import PLAN

from socratasync.cli.preview_notes import notes
from socratasync.contract.bad_values import BadValueExample, BadValues
from socratasync.errors import BadValue
from socratasync.pipeline.plan.keys import SharedKey, SharedKeys
from socratasync.pipeline.preview import HIDDEN, NOT_CHOSEN, DatasetPreview
from socratasync.pipeline.stage.trial import Tried

P1 = SharedKey(key={"name": "p1", "street": "a\x1b" + "b" * 60}, rows=1200)
BAD = BadValues(
    skipped=3,
    examples=(
        BadValueExample(row="row-a", column="acres", value="37.744"),
        BadValueExample(row="row-b", column="kind", value=None),
    ),
)
NOTHING = "values were not tried, since there is no database yet"
FIT = "all values of the first 7 rows fit their columns"

NOTES = [
    # what was found, what is said
    ({"tried": Tried(rows=7)}, [FIT]),
    ({"tried": Tried(rows=1)}, ["all values of the first row fit their columns"]),
    ({"tried": None}, [NOTHING]),
    ({"tried": Tried(rows=0, untried="it is late")}, ["values were not tried: it is late"]),
    ({"rows": 0, "tried": None}, []),
    (
        {"tried": Tried(rows=7, values=1, bad=BAD, refusal="no")},
        [
            "in the first 7 rows, 1 value does not fit the column, the first of each column being row row-a, column "
            'acres: "37.744"; row row-b, column kind: null'
        ],
    ),
    ({"tried": Tried(rows=7), "shared": SharedKeys()}, ["every row has a key of its own", FIT]),
    (
        {"tried": Tried(rows=7), "shared": SharedKeys(rows=1201, keys=1, without_key=1, examples=(P1,))},
        [
            "1,201 rows share a key; of each key the newest row is loaded, and the others are left out: name p1, "
            r"street a\x1b" + "b" * 35 + " (1,200 rows)",
            "1 row lacks a part of the key, and cannot be loaded",
            FIT,
        ],
    ),
    (
        {"tried": Tried(rows=7), "shared": SharedKeys(without_key=2)},
        ["2 rows lack a part of the key, and cannot be loaded", FIT],
    ),
    (
        {"tried": Tried(rows=7), "shared": SharedKeys(rows=2000, keys=1000, is_all=False, examples=(P1,) * 2)},
        [
            "at least 2,000 rows share 1,000 keys; of each key the newest row is loaded, and the others are left out: "
            + "; ".join([r"name p1, street a\x1b" + "b" * 35 + " (1,200 rows)"] * 2),
            FIT,
        ],
    ),
    (
        {"tried": Tried(rows=7), "shared": SharedKeys(unknown="HTTP 500")},
        ["whether rows share a key is not known: HTTP 500", FIT],
    ),
    (
        {"tried": Tried(rows=7), "left_out": {"a": NOT_CHOSEN, "b": NOT_CHOSEN, "fee": HIDDEN}},
        [
            "not loaded, since spec.target.fields does not name it: a, b",
            "not loaded, since the portal hides it: fee",
            FIT,
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("found", "said"), NOTES)
def test_a_person_is_told_what_was_found(found: dict[str, object], said: list[str]) -> None:
    words = {"rows": 7, "estimated_bytes": 0, "strategy": None, "left_out": {}, **found}
    preview = DatasetPreview(plan=PLAN, **words)  # type: ignore[arg-type]

    assert notes(preview, has_database=False) == said


def test_where_there_is_a_database_nothing_is_said_of_none() -> None:
    preview = DatasetPreview(
        plan=PLAN,
        rows=7,
        estimated_bytes=0,
        strategy=None,
        left_out={},
        refused=BadValue("no"),
    )

    assert notes(preview, has_database=True) == []
