"""Made-up rows have the shape of the real ones."""

from __future__ import annotations

import csv
from pathlib import Path

from socrata_simulator.portal.portal import Portal
from socrata_simulator.portal.synthetic import LA311_COLUMNS, la311_lines
from socrata_simulator.rows.cells import split, unquote


def test_the_columns_are_those_of_the_real_export(real: Path) -> None:
    with (real / "la311_2018_rowscsv_wktlocation.csv").open(newline="") as file:
        titles = next(csv.reader(file))

    assert [title for _, _, title in LA311_COLUMNS] == titles


def test_a_seed_gives_the_same_rows_and_another_seed_gives_others() -> None:
    assert list(la311_lines(100, 1)) == list(la311_lines(100, 1))
    assert not set(la311_lines(100, 1)) & set(la311_lines(100, 2))


def test_a_line_has_a_cell_for_every_column_and_is_as_long_as_a_real_one() -> None:
    lines = list(la311_lines(2000, 3))

    assert {len(split(line)) for line in lines} == {len(LA311_COLUMNS)}
    unquoted = sum(len(line) - 2 * sum(map(bool, split(line))) for line in lines)
    assert 300 < unquoted / len(lines) < 370


def test_the_key_is_unique_whatever_the_number_of_rows() -> None:
    keys = [line.partition(b",")[0] for line in la311_lines(20_000)]

    assert len(set(keys)) == 20_000


def test_values_fit_their_types(portal: Portal) -> None:
    rows = portal.add_synthetic("many-0001", 500, seed=4).rows()

    for row in rows:
        assert len(str(row["createddate"])) == len("2018-01-01T15:17:11.000")
        assert str(row["createddate"]) <= str(row["updateddate"]) or row["closeddate"] is None
        assert row["location"] == f"POINT ({row['longitude']} {row['latitude']})"
        assert str(row["housenumber"]).isdigit()
    assert {r["status"] for r in rows} == {"Open", "Closed"}
    assert None in {r["closeddate"] for r in rows}
    assert None in {r["mobileos"] for r in rows}


def test_lines_read_back_as_text(portal: Portal) -> None:
    (line,) = la311_lines(1)

    assert all(cell is None or '"' not in cell for cell in map(unquote, split(line)))
