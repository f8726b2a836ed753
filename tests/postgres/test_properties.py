"""For any history of a source, the target ends as the source is.

One database serves all examples of a test: each begins by forgetting the one before.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import Clock
from tests.postgres.conftest import Sync

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.portal import Portal

KEYS = st.integers(0, 6).map(lambda n: f"k{n}")
TEXTS = st.none() | st.sampled_from(["", "x", 'a "b"', "two\nlines", "née, 🌳", "\\N", "NULL"])
NUMBERS = st.none() | st.integers(-3, 3)

INSERT = st.tuples(st.just("insert"), KEYS, NUMBERS, TEXTS)
UPDATE = st.tuples(st.just("update"), st.integers(0, 50), NUMBERS, TEXTS)
DELETE = st.tuples(st.just("delete"), st.integers(0, 50))
REPLACE = st.tuples(st.just("replace"))
CHANGES = st.lists(st.one_of(INSERT, INSERT, INSERT, UPDATE, UPDATE, DELETE, REPLACE), max_size=8)
HISTORY = st.lists(CHANGES, min_size=1, max_size=4)
PAGES = st.sampled_from([1, 2, 3, 7, 1000])

BOUNDED = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def happen(dataset: Dataset, changes: list[tuple[Any, ...]]) -> set[str]:
    """Let the changes happen at the source. A row's number counts from the first that is there.
    Returns the keys of deleted rows."""
    bereft = set()
    for kind, *details in changes:
        ids = dataset.ids()
        if kind == "insert":
            key, number, text = details
            dataset.insert({"name": key, "acres": number, "note": text})
        elif kind == "update" and ids:
            place, number, text = details
            dataset.update(ids[place % len(ids)], acres=number, note=text)
        elif kind == "delete" and ids:
            place = details[0] % len(ids)
            bereft.add(str(dataset.rows()[place]["name"]))
            dataset.delete(ids[place])
        elif kind == "replace":
            dataset.replace_all()
    return bereft


def truth(dataset: Dataset) -> dict[str, tuple[Any, ...]]:
    """Key → values of the newest row that has it, as the source stands."""
    rows = enumerate(dataset.rows())
    newest = sorted(rows, key=lambda pair: (pair[1][":updated_at"] or "", pair[0]))
    return {str(row["name"]): _values(row) for _, row in newest}


def _values(row: dict[str, Any]) -> tuple[Any, ...]:
    acres = row["acres"]
    return (None if acres is None else int(acres), row["note"])


def loaded(sync: Sync) -> dict[str, tuple[Any, ...]]:
    return {name: _values(row) for name, row in sync.table("parks", "name").items()}


def begin(sync: Sync, portal: Portal, page_size: int) -> Dataset:
    portal.datasets.clear()
    sync.spec["target"] = {"dsnSecretRef": {"name": "db"}, "table": "parks", "key": ["name"]}
    sync.spec["source"] = {"pageSize": page_size}
    sync.spec["refresh"] = {"vacuum": "None"}
    sync.forget()
    columns = [("name", "text"), ("acres", "number"), ("note", "text")]
    return portal.add_dataset("park-0001", columns)


@BOUNDED
@given(history=HISTORY, page_size=PAGES)
def test_after_full_and_prune_the_target_is_the_source(
    sync: Sync, portal: Portal, history: list[list[Any]], page_size: int
) -> None:
    dataset = begin(sync, portal, page_size)
    sync.spec["target"]["prune"] = True
    for changes in history:
        happen(dataset, changes)

        rows = sync.one(mode="full").rows

        assert loaded(sync) == truth(dataset)
        assert rows.target == len(truth(dataset))
        assert rows.downloaded == len(dataset)


@BOUNDED
@given(history=HISTORY, page_size=PAGES)
def test_after_full_and_reset_the_target_is_the_source(
    sync: Sync, portal: Portal, history: list[list[Any]], page_size: int
) -> None:
    dataset = begin(sync, portal, page_size)
    sync.spec["target"]["reset"] = True
    for changes in history:
        happen(dataset, changes)

        sync.well(mode="full")

        assert loaded(sync) == truth(dataset)


@BOUNDED
@given(history=HISTORY, page_size=PAGES)
def test_after_an_update_the_target_is_the_source_but_for_deletions(
    sync: Sync, portal: Portal, clock: Clock, history: list[list[Any]], page_size: int
) -> None:
    """Of a key that had a row deleted, the target may hold what any of its rows once was."""
    clock.at = datetime(2020, 1, 1, tzinfo=UTC)
    dataset = begin(sync, portal, page_size)
    bereft: set[str] = set()
    for changes in history:
        clock.at += timedelta(hours=1)  # so that an update does not read everything by its overlap
        bereft |= happen(dataset, changes)
        expected = truth(dataset)

        rows = sync.one().rows

        held = loaded(sync)
        assert rows.deleted == 0
        assert set(held) - set(expected) <= bereft
        assert {k: v for k, v in held.items() if k not in bereft} == {
            k: v for k, v in expected.items() if k not in bereft
        }
        assert bereft & set(expected) <= set(held)


@BOUNDED
@given(history=HISTORY, page_size=PAGES)
def test_a_run_after_a_run_changes_nothing(
    sync: Sync, portal: Portal, history: list[list[Any]], page_size: int
) -> None:
    dataset = begin(sync, portal, page_size)
    for changes in history:
        happen(dataset, changes)
        sync.well()
        held = sync.query("SELECT xmin::text, * FROM parks ORDER BY name")

        again = sync.one().rows

        assert (again.inserted, again.updated, again.deleted) == (0, 0, 0)
        assert sync.query("SELECT xmin::text, * FROM parks ORDER BY name") == held
