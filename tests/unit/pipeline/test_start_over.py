"""What a run reads of a dataset, value by value, and when all of it is read, whatever the mode."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.pipeline.plans import BY_CHANGE, COLUMNS, KNOWN, LATER, SNAPSHOT

from socratasync.pipeline.plan.model import Load
from socratasync.pipeline.plan.watermark import choose_load, must_start_over, nothing_changed
from socratasync.pipeline.source.soql import MOST_IDS

SINCE = KNOWN.synced_since
assert SINCE is not None
ANEW = "must be filled anew for all rows"
RENAMED = (COLUMNS[0], replace(COLUMNS[1], field="other"))
RETYPED = (COLUMNS[0], replace(COLUMNS[1], source_type="number"))
SEVEN = tuple(replace(COLUMNS[0], name=f"c{number}") for number in range(7))


def chosen(**more: Any) -> Load:
    given = {
        "mode": "update",
        "known": KNOWN,
        "asked_since": None,
        "watermark": BY_CHANGE,
        "columns": COLUMNS,
        "where": None,
    }
    return choose_load(**{**given, **more})


@pytest.mark.parametrize(
    ("more", "load"),
    [
        pytest.param({"mode": "full"}, Load(full=True, why="a full run was asked for"), id="full"),
        pytest.param(
            {"known": None}, Load(full=True, why="it was never loaded before"), id="the first run"
        ),
        pytest.param(
            {"known": replace(KNOWN, watermark=None)},
            Load(full=True, why="its last load left no watermark to go on from"),
            id="no watermark",
        ),
        pytest.param(
            {"where": "a = 1"}, Load(full=True, why="its where changed"), id="another where"
        ),
        pytest.param(
            {"owed": ["row"] * MOST_IDS},
            Load(full=False, bound=SINCE, why="rows that changed since the last load"),
            id="as many rows as can be asked for by id are owed",
        ),
        pytest.param(
            {"owed": ["row"] * (MOST_IDS + 1)},
            Load(full=True, why="101 rows must be read anew, for others stood for them"),
            id="one more",
        ),
        pytest.param(
            {"asked_since": SINCE},
            Load(full=False, bound=SINCE, why="rows that changed since the time given"),
            id="since the watermark itself",
        ),
        pytest.param(
            {"asked_since": SINCE + timedelta(seconds=1)},
            Load(
                full=False,
                bound=SINCE + timedelta(seconds=1),
                advances=False,
                why="since is later than the watermark, which therefore stays where it is",
            ),
            id="since a second later",
        ),
    ],
)
def test_what_is_read(more: dict[str, Any], load: Load) -> None:
    assert chosen(**more) == load


@pytest.mark.parametrize(
    ("columns", "where", "lacking", "why"),
    [
        pytest.param(COLUMNS, None, [], None, id="all is as it was loaded"),
        pytest.param(RENAMED, None, [], f"status {ANEW}", id="a column of another field"),
        pytest.param(RETYPED, None, [], f"status {ANEW}", id="a column of another type"),
        pytest.param(COLUMNS, None, ["status"], f"status {ANEW}", id="a column that was dropped"),
        pytest.param(
            RENAMED, None, ["status", "zip"], f"status, zip {ANEW}", id="both, and another"
        ),
        pytest.param(COLUMNS, "a = 1", [], "its where changed", id="another where"),
        pytest.param(SEVEN, None, [], f"c0, c1, c2, c3, c4 {ANEW}", id="five are named"),
    ],
)
def test_what_was_loaded_otherwise_is_read_anew(
    columns: Any, where: str | None, lacking: list[str], why: str | None
) -> None:
    load = chosen(columns=columns, where=where, lacking=lacking)

    assert must_start_over(KNOWN, columns, where, lacking) is load.full is (why is not None)
    assert why is None or load == Load(full=True, why=why)


def test_what_was_never_loaded_starts_over() -> None:
    assert must_start_over(None, COLUMNS, None, [])


@pytest.mark.parametrize(
    ("load", "same"),
    [
        (Load(full=False, bound=SINCE), True),
        (Load(full=True, bound=SINCE), False),
        (Load(full=False, bound=SINCE, advances=False), False),
        (Load(full=False, bound=LATER), False),
    ],
)
def test_only_an_update_from_the_watermark_may_find_nothing_changed(load: Load, same: bool) -> None:
    assert nothing_changed(KNOWN, load, SNAPSHOT, BY_CHANGE) is same


PART = replace(COLUMNS[1], field="site.url", source_type="text", whole_type="url")


@pytest.mark.parametrize(
    ("loaded", "types", "anew"),
    [
        pytest.param("site.url", {"site": "url"}, False, id="as it was"),
        pytest.param("site", {"site": "url"}, True, id="it was loaded whole"),
        pytest.param("site.description", {"site": "url"}, True, id="another part was"),
        pytest.param("site.url", {"site": "text"}, True, id="the field was of another type"),
    ],
)
def test_a_part_is_read_anew_where_it_or_the_whole_was_another(
    loaded: str, types: dict[str, str], anew: bool
) -> None:
    columns = {
        **KNOWN.columns,
        "loaded": {**KNOWN.columns["loaded"], PART.name: loaded},
        "source": {**KNOWN.columns["source"], **types},
    }
    known = replace(KNOWN, columns=columns)

    assert must_start_over(known, (COLUMNS[0], PART), None, ()) is anew
