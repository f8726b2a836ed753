"""Which columns of the table keep old values, since the dataset that filled them does so no more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import pytest
from tests.unit.pipeline.plans import KNOWN, PLAN

from socratasync.pipeline.columns import PROVENANCE, Column, SourceColumn
from socratasync.pipeline.plan.frozen import (
    NOTHING_FROZEN,
    Frozen,
    Remembered,
    find_frozen,
    has_provenance,
    still_there,
)
from socratasync.pipeline.target.catalog import Target, TargetColumn


def table(*names: str) -> Target:
    """A table with these columns, and those of provenance."""
    columns = [
        TargetColumn(name=name, type="text", required=False, has_default=False, generated=False)
        for name in (*names, *PROVENANCE)
    ]
    return Target(schema="public", table="parks", kind="r", columns=tuple(columns))


PARKS = table("name", "acres", "lake")
LOADED = {"loaded": {"name": "name", "acres": "acres", "lake": "lake"}}
FROZEN = {"loaded": {"name": "name", "lake": "lake"}, "frozen": {"acres": "area"}}


def found(
    now: Mapping[str, str],
    *,
    remembered: Remembered | None = None,
    target: Target = PARKS,
    accepted: Sequence[str] = (),
    chosen: Sequence[str] = (),
    source: Sequence[str] | None = None,
    empties: bool = False,
) -> Frozen:
    """What is frozen where ``now`` (column → field) is loaded; the source has those fields."""
    return find_frozen(
        LOADED if remembered is None else remembered,
        [Column(name=n, field=f, source_type="text", type="text") for n, f in now.items()],
        [SourceColumn(field=field, type="text") for field in source or now.values()],
        target,
        accepted=accepted,
        chosen=chosen,
        empties=empties,
    )


ALL = {"name": "name", "acres": "acres", "lake": "lake"}
NO_ACRES = {"name": "name", "lake": "lake"}


@pytest.mark.parametrize(
    ("find", "columns", "named", "gone"),
    [
        pytest.param(partial(found, ALL), {}, (), (), id="all are filled"),
        pytest.param(
            partial(found, NO_ACRES), {"acres": "acres"}, ("acres",), ("acres",), id="gone"
        ),
        pytest.param(
            partial(found, {**NO_ACRES, "area": "area"}),
            {"acres": "acres"},
            ("acres",),
            ("acres",),
            id="renamed",
        ),
        pytest.param(
            partial(found, {**NO_ACRES, "acres": "area"}),
            {},
            (),
            (),
            id="filled from another field",
        ),
        pytest.param(
            partial(found, {**NO_ACRES, "size": "acres"}),
            {"acres": "acres"},
            ("acres",),
            (),
            id="its field was mapped to another column: not the source's doing",
        ),
        pytest.param(
            partial(found, NO_ACRES, remembered=FROZEN),
            {"acres": "area"},
            ("acres",),
            (),
            id="since long",
        ),
        pytest.param(
            partial(
                found, NO_ACRES, remembered={"loaded": {**LOADED["loaded"], "acres": "area.url"}}
            ),
            {"acres": "area.url"},
            ("acres",),
            ("area.url",),
            id="a part of what is gone",
        ),
        pytest.param(
            partial(
                found,
                {**NO_ACRES, "size": "area.url"},
                remembered={"loaded": {**LOADED["loaded"], "acres": "area.url"}},
                source=["name", "lake", "area"],
            ),
            {"acres": "area.url"},
            ("acres",),
            (),
            id="a part that is loaded into another column",
        ),
        pytest.param(partial(found, ALL, remembered=FROZEN), {}, (), (), id="filled again"),
        pytest.param(
            partial(found, NO_ACRES, target=table("name", "lake")), {}, (), (), id="dropped at once"
        ),
        pytest.param(
            partial(found, NO_ACRES, remembered=FROZEN, target=table("name", "lake")),
            {},
            (),
            (),
            id="dropped later",
        ),
        pytest.param(
            partial(found, NO_ACRES, accepted=["acres", "other"]),
            {"acres": "acres"},
            (),
            (),
            id="accepted, and remembered for when it is no more",
        ),
        pytest.param(
            partial(found, NO_ACRES, remembered=FROZEN, accepted=["lake"]),
            {"acres": "area"},
            ("acres",),
            (),
            id="another one is accepted",
        ),
        pytest.param(
            partial(found, NO_ACRES, chosen=["name", "lake"], source=list(ALL)),
            {"acres": "acres"},
            (),
            (),
            id="taken out of the fields to load",
        ),
        pytest.param(
            partial(found, {"name": "name"}, remembered=FROZEN),
            {"acres": "area", "lake": "lake"},
            ("acres", "lake"),
            ("lake",),
            id="one since long, one now",
        ),
        pytest.param(
            partial(found, NO_ACRES, empties=True),
            {},
            (),
            ("acres",),
            id="gone, in a table to be emptied",
        ),
        pytest.param(
            partial(found, NO_ACRES, remembered={"source": {}}),
            {},
            (),
            (),
            id="nothing is remembered",
        ),
    ],
)
def test_what_is_frozen_and_who_is_told(
    find: Callable[[], Frozen],
    columns: Mapping[str, str],
    named: tuple[str, ...],
    gone: tuple[str, ...],
) -> None:
    frozen = find()

    assert (frozen.columns, frozen.named, frozen.gone) == (columns, named, gone)


def test_a_dataset_that_was_never_loaded_has_frozen_nothing() -> None:
    found = find_frozen(None, [], [], PARKS, accepted=[], chosen=[], empties=False)

    assert found is NOTHING_FROZEN


def test_a_field_that_filled_two_columns_is_gone_once() -> None:
    twice = {"loaded": {"name": "name", "acres": "acres", "lake": "acres"}}

    assert found({"name": "name"}, remembered=twice).gone == ("acres",)


def test_many_columns_are_told_of_in_one_sentence() -> None:
    (sentence,) = Frozen(named=tuple(f"c{n}" for n in range(30))).sentences("abcd-1234")

    assert "c9 and 20 more: " in sentence
    assert NOTHING_FROZEN.sentences("abcd-1234") == ()


# -- what the bookkeeping remembers ---------------------------------------------------------------


def test_after_a_load_all_frozen_columns_are_remembered_beside_the_loaded() -> None:
    frozen = Frozen(columns={"acres": "area"}, named=())

    assert replace(PLAN, frozen=frozen).columns_after == {
        **KNOWN.columns,
        "frozen": {"acres": "area"},
    }


@pytest.mark.parametrize(
    ("target", "remembered", "kept"),
    [
        pytest.param(PARKS, FROZEN, FROZEN, id="all are there"),
        pytest.param(
            table("name", "acres"),
            FROZEN,
            {"loaded": {"name": "name"}, "frozen": {"acres": "area"}},
            id="a loaded one was dropped",
        ),
        pytest.param(
            table("name", "lake"), FROZEN, {**FROZEN, "frozen": {}}, id="a frozen one was dropped"
        ),
        pytest.param(
            table("name"),
            {**LOADED, "source": {"acres": "number"}},
            {"loaded": {"name": "name"}, "source": {"acres": "number"}},
            id="an older release knows no frozen ones; what the source has stays",
        ),
        pytest.param(
            replace(PARKS, columns=PARKS.columns[:-1]),
            {**FROZEN, "provenance": dict(PROVENANCE)},
            {**FROZEN, "provenance": {}},
            id="one of provenance was dropped",
        ),
    ],
)
def test_what_the_table_has_no_more_is_forgotten(
    target: Target, remembered: Remembered, kept: Remembered
) -> None:
    assert still_there(remembered, target) == kept


def test_an_older_release_noted_nothing_of_provenance_and_loaded_it() -> None:
    assert has_provenance(LOADED)
    assert has_provenance(KNOWN.columns)
    assert not has_provenance({**LOADED, "provenance": {}})
