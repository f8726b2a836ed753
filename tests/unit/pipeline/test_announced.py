"""What headers announce of the end of an interface."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from socratasync.contract.notices import Notice
from socratasync.pipeline.source.announced import read_notice

ROWS = "/resource/abcd-1234.csv"
QUERY = "/api/v3/views/abcd-1234/query.csv"
JULY = datetime(2027, 7, 1, tzinfo=UTC)
DROPPED = "X-SODA2-Fields and X-SODA2-Types were too long and were dropped"


@pytest.mark.parametrize(
    ("headers", "text", "date"),
    [
        pytest.param(
            {"Deprecation": "@1814400000", "Sunset": "Thu, 01 Jul 2027 00:00:00 GMT"},
            "the portal marks SODA2 as ending (Deprecation: @1814400000, "
            "Sunset: Thu, 01 Jul 2027 00:00:00 GMT)",
            JULY,
            id="the day of its end, not that of its deprecation",
        ),
        pytest.param(
            {"Deprecation": "@1814400000"},
            "the portal marks SODA2 as ending (Deprecation: @1814400000)",
            JULY,
            id="seconds since 1970",
        ),
        pytest.param(
            {"Deprecation": "Thu, 01 Jul 2027 00:00:00 GMT"},
            "the portal marks SODA2 as ending (Deprecation: Thu, 01 Jul 2027 00:00:00 GMT)",
            JULY,
            id="a date, as drafts had it",
        ),
        pytest.param(
            {"Deprecation": "true"},
            "the portal marks SODA2 as ending (Deprecation: true)",
            None,
            id="no day",
        ),
        pytest.param(
            {"Sunset": "soon"},
            "the portal marks SODA2 as ending (Sunset: soon)",
            None,
            id="a day that nobody can read",
        ),
        pytest.param(
            {"Deprecation": "@99999999999"},
            "the portal marks SODA2 as ending (Deprecation: @99999999999)",
            datetime(5138, 11, 16, 9, 46, 39, tzinfo=UTC),
            id="a day far away",
        ),
        pytest.param(
            {
                "Warning": '299 - "SODA2 is  deprecated and will be removed"',
                "Sunset": "Thu, 01 Jul 2027 00:00:00 GMT",
            },
            '299 - "SODA2 is deprecated and will be removed"',
            JULY,
            id="the portal's own words",
        ),
        pytest.param(
            {"X-SODA2-Warning": "This endpoint is scheduled for Sunset"},
            "This endpoint is scheduled for Sunset",
            None,
            id="in Socrata's own header",
        ),
        pytest.param(
            {"Warning": "deprecated\x1b[2J\u202ethat"},
            "deprecated[2Jthat",
            None,
            id="nothing that a terminal obeys",
        ),
    ],
)
def test_an_end_that_is_announced_is_read(
    headers: dict[str, str], text: str, date: datetime | None
) -> None:
    assert read_notice(ROWS, headers) == Notice("SODA2", text, date)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"Deprecation": "false"}, id="no"),
        pytest.param({"Deprecation": "?0"}, id="no, as structured fields say it"),
        pytest.param({"X-SODA2-Warning": DROPPED}, id="headers that were too long"),
        pytest.param(
            {"X-SODA2-Warning": "X-SODA2-Fields is deprecated"}, id="headers that are deprecated"
        ),
        pytest.param({"Warning": '110 - "Response is stale"'}, id="a cache's word"),
    ],
)
def test_what_is_about_something_else_is_no_announcement(headers: dict[str, str]) -> None:
    assert read_notice(ROWS, headers) is None


@pytest.mark.parametrize(
    ("path", "interface"),
    [(ROWS, "SODA2"), (QUERY, "SODA3"), ("/api/views/abcd-1234.json", None)],
)
def test_an_announcement_is_that_of_the_interface_that_answered(
    path: str, interface: str | None
) -> None:
    found = read_notice(path, {"Deprecation": "true"})

    assert (found.interface if found else None) == interface


def test_a_long_text_is_cut() -> None:
    found = read_notice(ROWS, {"Warning": "deprecated " * 1000})

    assert found is not None
    assert len(found.text) == 240
