"""How values of every type look, in CSV and in JSON."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socrata_simulator.rows import cells

ADDRESS = '{"address":"200 N Spring St","city":"Los Angeles","state":"CA","zip":"90012"}'
PLACE = {"latitude": "34.05", "longitude": "-118.25", "human_address": ADDRESS}
HOLED = "POLYGON ((0 0, 0 3, 3 3, 0 0), (1 1, 1 2, 2 2, 1 1))"

TYPES = [
    # type, value, CSV, JSON
    ("text", 'say "hi"', 'say "hi"', '"say \\"hi\\""'),
    ("text", "", "", '""'),
    ("text", "Málaga", "Málaga", '"Málaga"'),
    ("email", "a@b.org", "a@b.org", '"a@b.org"'),
    ("number", 42, "42", '"42"'),
    ("number", "1000010100.00000000", "1000010100.00000000", '"1000010100.00000000"'),
    ("number", Decimal("0.0000005302"), "0.0000005302", '"0.0000005302"'),
    ("number", Decimal("5.302E-21"), "5.302E-21", '"5.302E-21"'),
    ("number", Decimal("1E+21"), "1E+21", '"1E+21"'),
    ("number", Decimal("1E+20"), "100000000000000000000", '"100000000000000000000"'),
    ("money", "12.50", "12.50", '"12.50"'),
    ("double", 0.5, "0.5", "0.5"),
    ("double", 1.5e10, "1.5E10", "1.5E10"),
    ("double", 12345678.9, "1.23456789E7", "1.23456789E7"),
    ("double", -0.00012, "-1.2E-4", "-1.2E-4"),
    ("double", float("nan"), "NaN", '"NaN"'),
    ("double", float("-inf"), "-Infinity", '"-Infinity"'),
    ("checkbox", True, "true", "true"),
    ("checkbox", False, "false", "false"),
    ("calendar_date", date(2023, 6, 3), "2023-06-03T00:00:00.000", '"2023-06-03T00:00:00.000"'),
    (
        "date",
        datetime(2023, 6, 3, 1, 2, 3, 4000, UTC),
        "2023-06-03T01:02:03.004Z",
        '"2023-06-03T01:02:03.004Z"',
    ),
    (
        "point",
        "POINT (-118.29 34.0)",
        "POINT (-118.29 34.0)",
        '{"type":"Point","coordinates":[-118.29,34.0]}',
    ),
    (
        "line",
        "LINESTRING (1 2, 3 4)",
        "LINESTRING (1 2, 3 4)",
        '{"type":"LineString","coordinates":[[1,2],[3,4]]}',
    ),
    (
        "polygon",
        HOLED,
        HOLED,
        '{"type":"Polygon","coordinates":[[[0,0],[0,3],[3,3],[0,0]],[[1,1],[1,2],[2,2],[1,1]]]}',
    ),
    (
        "multipoint",
        "MULTIPOINT ((1 2), (3 4))",
        "MULTIPOINT ((1 2), (3 4))",
        '{"type":"MultiPoint","coordinates":[[1,2],[3,4]]}',
    ),
    (
        "multipolygon",
        "MULTIPOLYGON (((0 0, 0 1, 1 1, 0 0)))",
        "MULTIPOLYGON (((0 0, 0 1, 1 1, 0 0)))",
        '{"type":"MultiPolygon","coordinates":[[[[0,0],[0,1],[1,1],[0,0]]]]}',
    ),
    (
        "location",
        PLACE,
        "200 N Spring St\nLos Angeles, CA 90012\n(34.05, -118.25)",
        cells.compact(PLACE),
    ),
    (
        "location",
        {"latitude": "1.0", "longitude": "2.0"},
        "(1.0, 2.0)",
        '{"latitude":"1.0","longitude":"2.0"}',
    ),
    (
        "url",
        {"url": "https://e.org", "description": "E"},
        "E (https://e.org)",
        '{"url":"https://e.org","description":"E"}',
    ),
    ("url", "https://e.org", "https://e.org", '{"url":"https://e.org"}'),
    (
        "document",
        {"file_id": "f1", "filename": "a.pdf", "content_type": "application/pdf"},
        "f1?filename=a.pdf&content_type=application%2Fpdf",
        '{"file_id":"f1","filename":"a.pdf","content_type":"application/pdf"}',
    ),
    (
        "location",
        {
            "latitude": "37.76",
            "longitude": "-122.41",
            "human_address": '{"address":"","city":"","state":"","zip":""}',
        },
        "\n,  \n(37.76, -122.41)",
        r'{"latitude":"37.76","longitude":"-122.41",'
        r'"human_address":"{\"address\":\"\",\"city\":\"\",\"state\":\"\",\"zip\":\"\"}"}',
    ),
    (
        "location",
        {"human_address": '{"address":"1 A St","city":"Seattle","state":"WA","zip":""}'},
        "1 A St\nSeattle, WA ",
        r'{"human_address":"{\"address\":\"1 A St\",\"city\":\"Seattle\",\"state\":\"WA\",\"zip\":\"\"}"}',
    ),
    ("location", {}, None, "{}"),
    ("location", {"latitude": "1.0"}, None, '{"latitude":"1.0"}'),
    ("url", {"description": "E"}, "E", '{"description":"E"}'),
    ("url", {}, None, "{}"),
    (
        "document",
        {"file_id": "f1", "filename": "a b&ç.pdf"},
        "f1?filename=a+b%26%C3%A7.pdf",
        '{"file_id":"f1","filename":"a b&ç.pdf"}',
    ),
    (
        "phone",
        {"phone_number": "206-555-1212", "phone_type": "Work"},
        "Work: 206-555-1212",
        '{"phone_number":"206-555-1212","phone_type":"Work"}',
    ),
    ("phone", "206-555-1212", "206-555-1212", '{"phone_number":"206-555-1212"}'),
    ("location", "City Hall", "City Hall\n", '{"human_address":"{\\"address\\":\\"City Hall\\"}"}'),
    ("document", "f1", "f1", '{"file_id":"f1"}'),
    ("photo", "p1", "p1", '"p1"'),
    ("json", [1, {"a": None}], '[1,{"a":null}]', '{"json":[1,{"a":null}]}'),
]


@pytest.mark.parametrize(("type_name", "value", "csv", "json"), TYPES)
def test_a_value_looks_as_it_does_at_a_real_portal(
    type_name: str, value: object, csv: str | None, json: str
) -> None:
    stored = cells.store(value, type_name)

    assert stored is not None
    assert cells.csv_text(stored, type_name) == csv
    assert cells.json_text(stored, type_name) == json


@pytest.mark.parametrize("type_name", ["text", "number", "json", "location", "checkbox"])
def test_nothing_is_null_whatever_the_type(type_name: str) -> None:
    assert cells.store(None, type_name) is None


@given(st.lists(st.none() | st.text(), min_size=1, max_size=6))
def test_a_line_gives_back_its_cells_and_tells_null_from_empty(row: list[str | None]) -> None:
    line = cells.join(row)

    assert [cells.unquote(cell) for cell in cells.split(line)] == row
    assert [cells.cell_finder(slot)(line) for slot in range(len(row))] == row
