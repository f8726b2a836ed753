"""Values that real datasets hold and loaders trip over, and a dataset with a column of every type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TEXTS = (
    "",
    " ",
    "  leading and trailing  ",
    "two\nlines",
    "\n",
    "carriage\r\nreturn",
    "\r",
    'he said "hi"',
    '"',
    '""',
    '","',
    "a,b,,c",
    "tab\there",
    "back\\slash \\n \\.",
    "line\n\\.\nline",
    "\\N",
    "NULL",
    "null",
    "O'Farrell; DROP TABLE requests; --",
    "Málaga Ñuñoa Zürich",
    "東京都 渋谷区",
    "שלום עולם",
    "e\u0301 is not \u00e9",
    "emoji 🚧👩‍👩‍👧",
    "\u00a0no-break\u2028line separator\ufeff",
    "1E5",
    "007",
    "=1+1",
    "%_like%_",
    "x" * 10_000,
)
"""Empty texts (which are not null), quotes, line ends, what means something to ``COPY``, Unicode."""

NUMBERS = (
    "0",
    "-0.0",
    "42",
    "0000042",
    "1000010100.00000000",
    "0.0000005302",
    "5.302E-21",
    "1E+21",
    "12345678901234567890.123456789",
    "-99999999999999999999999",
)
"""Trailing and leading zeros, exponents, digits beyond what a bigint or a double holds."""

DATES = (
    "2018-02-28T23:59:59.999",
    "2020-02-29T00:00:00.000",
    "1886-04-05T00:00:00.000",
    "3020-01-01T00:00:00.000",
    "0001-01-01T00:00:00.000",
    "2024-03-10T02:30:00.000",
)
"""Timestamps without a zone: a year mistyped by a thousand, an hour that daylight saving skips, …"""

EVERY_TYPE: tuple[tuple[str, str], ...] = (
    ("key", "text"),
    ("a_text", "text"),
    ("an_email", "email"),
    ("a_number", "number"),
    ("some_money", "money"),
    ("a_double", "double"),
    ("a_checkbox", "checkbox"),
    ("a_date", "calendar_date"),
    ("an_instant", "date"),
    ("a_point", "point"),
    ("a_line", "line"),
    ("a_polygon", "polygon"),
    ("a_multipolygon", "multipolygon"),
    ("a_location", "location"),
    ("a_url", "url"),
    ("a_document", "document"),
    ("a_photo", "photo"),
    ("some_json", "json"),
    ("_1950", "number"),
    (":@computed_region_ab12_cd34", "number"),
    ("select", "text"),
    ("a_very_long_field_name_that_goes_on_beyond_what_postgresql_keeps_of_it", "text"),
    ("a_very_long_field_name_that_goes_on_beyond_what_postgresql_keeps_of_that", "text"),
)
"""(fieldName, dataTypeName): every type, and names that are words of SQL or need quotes."""

_FULL: Mapping[str, Any] = {
    "an_email": "ada@example.org",
    "some_money": "12.50",
    "a_double": 1.5e10,
    "a_checkbox": True,
    "an_instant": "2020-01-20T08:30:00.250Z",
    "a_point": "POINT (-118.294017712 34.0676390557)",
    "a_line": "LINESTRING (-118.1 34.1, -118.2 34.2)",
    "a_polygon": "POLYGON ((-118 34, -118 35, -117 35, -118 34), (-117.9 34.5, -117.8 34.5, -117.9 34.6, -117.9 34.5))",
    "a_multipolygon": "MULTIPOLYGON (((-118 34, -118 35, -117 35, -118 34)), ((0 0, 0 1, 1 1, 0 0)))",
    "a_location": {
        "latitude": "34.05",
        "longitude": "-118.25",
        "human_address": '{"address":"200 N Spring St","city":"Los Angeles","state":"CA","zip":"90012"}',
    },
    "a_url": {"url": "https://example.org/?a=1&b=2", "description": "An example"},
    "a_document": {"file_id": "e7c1", "filename": "a.pdf", "content_type": "application/pdf"},
    "a_photo": "4d4c2b",
    "some_json": {"deep": [1, {"er": None}], "text": 'with "quotes"'},
    "_1950": "7",
    ":@computed_region_ab12_cd34": "12",
    "select": "a reserved word",
    "a_very_long_field_name_that_goes_on_beyond_what_postgresql_keeps_of_it": "it",
    "a_very_long_field_name_that_goes_on_beyond_what_postgresql_keeps_of_that": "that",
}


def every_type_rows() -> list[dict[str, Any]]:
    """Rows for ``EVERY_TYPE``: all texts, numbers and dates; one of nulls but its key; one with a NaN."""
    rows: list[dict[str, Any]] = []
    for n in range(max(map(len, (TEXTS, NUMBERS, DATES)))):
        odd = {
            "key": f"k{n}",
            "a_text": TEXTS[n % len(TEXTS)],
            "a_number": NUMBERS[n % len(NUMBERS)],
            "a_date": DATES[n % len(DATES)],
        }
        rows.append({**_FULL, **odd})
    return [*rows, {"key": "nulls"}, {**_FULL, "key": "not finite", "a_double": float("nan")}]
