"""What people at the source do to a dataset, and what of it shows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import requests

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.portal import Portal

Ask = Callable[..., requests.Response]
START = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.fixture(name="parks")
def _parks() -> Dataset:
    parks = Dataset("park-0001", [("name", "text"), ("acres", "number")], clock=lambda: START)
    parks.insert({"name": "Griffith", "acres": 4310}, {"name": "Echo", "acres": "29.0"})
    return parks


def cells(dataset: Dataset) -> list[dict[str, str | None]]:
    return [{k: v for k, v in row.items() if not k.startswith(":")} for row in dataset.rows()]


def test_an_insert_gives_new_rows_at_the_end(parks: Dataset) -> None:
    before = parks.ids()
    new = parks.insert({"name": "Elysian"}, {})

    assert parks.ids() == [*before, *new]
    assert cells(parks)[2:] == [{"name": "Elysian", "acres": None}, {"name": None, "acres": None}]


def test_an_update_moves_updated_at_and_keeps_the_id(parks: Dataset) -> None:
    before = parks.rows()
    parks.update(parks.ids()[0], acres=None)
    after = parks.rows()

    assert after[0][":id"] == before[0][":id"]
    assert after[0][":created_at"] == before[0][":created_at"]
    assert str(after[0][":updated_at"]) > str(before[0][":updated_at"])
    assert after[0]["acres"] is None
    assert after[1] == before[1]


def test_a_touch_changes_no_value(parks: Dataset) -> None:
    before = cells(parks)
    stamps = [row[":updated_at"] for row in parks.rows()]
    parks.touch(parks.ids())

    assert cells(parks) == before
    assert all(str(r[":updated_at"]) > str(s) for r, s in zip(parks.rows(), stamps, strict=True))


def test_a_delete_leaves_no_trace(parks: Dataset) -> None:
    parks.delete(parks.find(name="Griffith"))

    assert cells(parks) == [{"name": "Echo", "acres": "29.0"}]


def test_a_row_that_is_gone_cannot_be_changed(parks: Dataset) -> None:
    (gone,) = parks.find(name="Echo")
    parks.delete(gone)

    with pytest.raises(KeyError, match="no row row-"):
        parks.update(gone, acres=1)


def test_a_full_replace_gives_every_row_a_new_id(parks: Dataset) -> None:
    before = parks.rows()
    parks.replace_all()
    after = parks.rows()

    assert not {r[":id"] for r in before} & {r[":id"] for r in after}
    assert all(
        str(a[":created_at"]) > str(b[":created_at"]) for a, b in zip(after, before, strict=True)
    )
    assert [r["name"] for r in after] == ["Griffith", "Echo"]


def test_a_full_replace_can_bring_other_rows_or_none(parks: Dataset) -> None:
    parks.replace_all([{"name": "Elysian"}])
    assert cells(parks) == [{"name": "Elysian", "acres": None}]
    parks.replace_all([])
    assert cells(parks) == []


def test_a_business_key_may_come_twice(parks: Dataset) -> None:
    parks.insert({"name": "Echo", "acres": 1})

    assert len(parks.find(name="Echo")) == 2


def test_every_change_is_later_than_the_one_before_even_if_the_clock_stands(parks: Dataset) -> None:
    times = []
    for n in range(5):
        parks.insert({"acres": n})
        times.append(parks.truth.changed_at)

    assert times == sorted(set(times))


def test_a_new_column_is_in_every_row(parks: Dataset) -> None:
    parks.add_column("lake", "checkbox", "Has a lake", value=True)
    parks.add_column("note", "text")
    parks.insert({"name": "Elysian", "lake": False})

    assert [(r["lake"], r["note"]) for r in parks.rows()] == [("true", None)] * 2 + [
        ("false", None)
    ]


def test_a_column_can_be_dropped_and_come_again(parks: Dataset) -> None:
    parks.drop_column("acres")
    assert cells(parks)[0] == {"name": "Griffith"}
    parks.add_column("acres", "number")
    assert cells(parks)[0] == {"name": "Griffith", "acres": None}


def test_a_renamed_column_keeps_its_cells(parks: Dataset) -> None:
    parks.rename_column("acres", "area")

    assert cells(parks)[0] == {"name": "Griffith", "area": "4310"}


def test_a_retyped_column_can_bring_converted_values(parks: Dataset) -> None:
    parks.retype_column("acres", "text", lambda text: f"{text} acres")

    assert parks.fields[1].type == "text"
    assert cells(parks)[0]["acres"] == "4310 acres"


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.drop_column("none"),
        lambda d: d.rename_column("none", "some"),
        lambda d: d.update(d.ids(), none=1),
        lambda d: d.insert({"none": 1}),
    ],
    ids=["drop", "rename", "update", "insert"],
)
def test_a_column_that_is_not_there_cannot_be_changed(
    parks: Dataset, change: Callable[[Dataset], object]
) -> None:
    with pytest.raises(KeyError, match="no column none among name, acres"):
        change(parks)


def test_a_column_cannot_come_twice(parks: Dataset) -> None:
    with pytest.raises(ValueError, match="already has a column acres"):
        parks.add_column("acres", "text")


def test_a_frozen_dataset_takes_no_change_and_names_its_successor(portal: Portal, ask: Ask) -> None:
    parks = portal.add_dataset("park-0001", [("name", "text")], [{"name": "Echo"}])
    parks.freeze(successor="park-0002")

    changes: list[Callable[[], object]] = [
        parks.replace_all,
        lambda: parks.insert({"name": "Elysian"}),
    ]
    for change in changes:
        with pytest.raises(RuntimeError, match="frozen"):
            change()
    assert len(ask("/resource/park-0001.json").json()) == 1
    assert "park-0002" in ask("/api/views/park-0001.json").json()["description"]


def test_the_description_follows_the_columns(portal: Portal, ask: Ask) -> None:
    parks = portal.add_dataset("park-0001", [("name", "text", "Name"), ("acres", "number")])

    def described() -> list[tuple[int, str, str, str]]:
        columns = ask("/api/views/park-0001.json").json()["columns"]
        return [(c["position"], c["fieldName"], c["dataTypeName"], c["name"]) for c in columns]

    assert described() == [(1, "name", "text", "Name"), (2, "acres", "number", "acres")]
    parks.retype_column("acres", "text")
    parks.rename_column("name", "title")
    parks.add_column("opened", "calendar_date")
    assert described() == [
        (1, "title", "text", "Name"),
        (2, "acres", "text", "acres"),
        (3, "opened", "calendar_date", "opened"),
    ]


def test_a_hidden_column_is_flagged_and_not_in_the_star(portal: Portal, ask: Ask) -> None:
    parks = portal.add_dataset("park-0001", [("name", "text")], [{"name": "Echo"}])
    parks.add_column("secret", "text", hidden=True, value="x")

    columns = ask("/api/views/park-0001.json").json()["columns"]
    assert [c.get("flags") for c in columns] == [None, ["hidden"]]
    assert ask("/resource/park-0001.json").json() == [{"name": "Echo"}]
    assert ask("/resource/park-0001.json", {"$select": "secret"}).json() == [{"secret": "x"}]


def test_the_description_says_when_rows_and_columns_changed(portal: Portal, ask: Ask) -> None:
    parks = portal.add_dataset("park-0001", [("name", "text")], [{"name": "Echo"}])
    view = ask("/api/views/park-0001.json").json()

    assert view["rowsUpdatedAt"] == parks.truth.changed_at // 1000
    assert view["viewLastModified"] == parks.schema_changed_at // 1000


def test_parts_of_the_description_can_be_replaced_or_taken_away(portal: Portal, ask: Ask) -> None:
    parks = portal.add_dataset("park-0001", [("name", "text")])
    parks.metadata = {"rowsUpdatedAt": None, "name": "Another"}
    view = ask("/api/views/park-0001.json").json()

    assert "rowsUpdatedAt" not in view
    assert view["name"] == "Another"


def test_a_row_may_say_nothing_of_when_it_changed(portal: Portal, ask: Ask) -> None:
    parks = portal.add_dataset(
        "park-0001", [("name", "text")], [{"name": "Griffith"}, {"name": "Echo"}]
    )
    row, other = parks.ids()
    parks.unstamp(row)

    def count(where: str) -> str:
        asked = {"$select": "count(*) as n", "$where": where}
        found: str = ask("/resource/park-0001.json", asked).json()[0]["n"]
        return found

    assert parks.rows()[0][":updated_at"] is None
    assert count(":updated_at is null") == count(":updated_at >= '2000-01-01T00:00:00Z'") == "1"
    assert count(":updated_at < '2100-01-01T00:00:00Z'") == "1"
    columns = {"$select": "name,:updated_at,:id", "$order": ":id"}
    csv = ask("/resource/park-0001.csv", columns).text.splitlines()
    assert csv[1] == f'"Griffith",,"{row}"'
    shown = ask("/resource/park-0001.json", columns).json()
    assert [":updated_at" in each for each in shown] == [False, True]
    newest = ask("/resource/park-0001.json", {"$select": "max(:updated_at) as newest"}).json()
    assert newest[0]["newest"] == parks.rows()[1][":updated_at"]
    ordered = ask("/resource/park-0001.json", {"$select": ":id", "$order": ":updated_at"}).json()
    assert [each[":id"] for each in ordered] == [other, row]

    parks.touch(row)
    assert parks.rows()[0][":updated_at"] is not None


def test_a_clock_goes_back_only_when_it_is_put_right() -> None:
    clock = iter([START, START - timedelta(days=1), START - timedelta(days=1)])
    parks = Dataset("park-0001", clock=lambda: next(clock))
    parks.add_column("name", "text")

    parks.insert({"name": "Echo"})
    parks.put_clock_right()
    parks.insert({"name": "Griffith"})

    stamps = [row[":updated_at"] for row in parks.rows()]
    assert stamps == ["2024-05-01T12:00:00.001Z", "2024-04-30T12:00:00.000Z"]
