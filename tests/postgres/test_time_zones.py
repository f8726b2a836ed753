"""``spec.source.timeZone``: a time without a zone that becomes an instant is told by the clock of the portal's place."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Clock
from tests.postgres.conftest import ROW_BY_ROW, Sync

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.portal import Portal
from socratasync.errors import InvalidSpec
from socratasync.pipeline.preview import DatasetPreview

CASES = "case-0001"
LA, NY = "America/Los_Angeles", "America/New_York"

DOCS = Path(__file__).parents[2] / "docs/socrata.md"

CLOCK = {
    # what the clock of Los Angeles showed → which instant that was, in UTC
    "2024-01-15T08:00:00.000": "2024-01-15 16:00:00+00",  # winter
    "2024-07-15T08:00:00.250": "2024-07-15 15:00:00.25+00",  # summer
    "2024-03-10T01:59:59.999": "2024-03-10 09:59:59.999+00",  # the last second before the hour that is missing
    "2024-03-10T02:30:00.000": "2024-03-10 10:30:00+00",  # which no clock showed: as if it still were winter
    "2024-03-10T03:00:00.000": "2024-03-10 10:00:00+00",  # the first after it
    "2024-11-03T00:59:59.999": "2024-11-03 07:59:59.999+00",  # the last second before the hour that came twice
    "2024-11-03T01:30:00.000": "2024-11-03 09:30:00+00",  # which was summer's, or winter's: winter's
    "2024-11-03T02:00:00.000": "2024-11-03 10:00:00+00",  # the first after it
    "1883-11-18T11:00:00.000": "1883-11-18 18:52:58+00",  # before there were zones: the sun's time
    "0001-01-01T00:00:00.000": "0001-01-01 07:52:58+00",
    "3020-01-01T00:00:00.000": "3020-01-01 08:00:00+00",
}


@pytest.fixture(name="cases")
def _cases(portal: Portal, sync: Sync, clock: Clock) -> Dataset:
    """Rows that changed long ago."""
    clock.at = datetime(2024, 8, 1, tzinfo=UTC)
    columns = [("name", "text"), ("opened", "calendar_date"), ("logged", "date"), ("said", "text")]
    rows = [
        {"name": clock, "opened": clock, "logged": "2024-07-01T12:00:00.000Z", "said": clock}
        for clock in CLOCK
    ]
    sync.spec["target"] |= {"table": "cases", "key": ["name"]}
    sync.spec["source"] = {"timeZone": LA}
    return portal.add_dataset(CASES, columns, rows)


def types(sync: Sync, **chosen: str) -> None:
    sync.spec["target"]["fields"] = {"name": "", "opened": "", "logged": "", "said": "", **chosen}


def column(sync: Sync, name: str = "opened") -> dict[str, Any]:
    rows = sync.query(f"SELECT name, {name}::text AS text FROM cases")
    return {row["name"]: row["text"] for row in rows}


def utc(sync: Sync, source: str) -> None:
    """``opened`` as an instant, in a table that the run makes, or that there is."""
    if source == "table":
        sync.query(
            "CREATE TABLE cases (name text PRIMARY KEY, opened timestamptz, logged timestamptz, said text)"
        )
    else:
        types(sync, opened="timestamptz")


EITHER_WAY = pytest.mark.parametrize("source", ["table", "fields"])


@EITHER_WAY
def test_a_citys_clock_is_read_as_such_on_every_day_of_the_year(
    sync: Sync, cases: Dataset, clock: Clock, source: str
) -> None:
    utc(sync, source)

    sync.well()

    assert column(sync) == CLOCK
    assert set(column(sync, "logged").values()) == {"2024-07-01 12:00:00+00"}
    assert sync.one(mode="full").rows.unchanged == len(CLOCK)
    clock.at = None
    cases.update(cases.ids()[1], opened="2024-11-03T01:59:59.999")
    assert sync.one().rows.updated == 1
    assert column(sync)["2024-07-15T08:00:00.250"] == "2024-11-03 09:59:59.999+00"


def test_the_page_tells_of_the_two_nights_what_is_so() -> None:
    told = re.findall(r"^\| `(2024-[^`]+)` \| .* \| `([^`]+)` \|$", DOCS.read_text(), re.MULTILINE)

    assert len(told) == 4
    assert {clock: CLOCK[clock] for clock, _ in told} == dict(told)


@EITHER_WAY
def test_so_it_is_where_a_page_is_read_value_by_value(
    sync: Sync, portal: Portal, cases: Dataset, source: str
) -> None:
    utc(sync, source)
    cases.insert({"name": "odd", "opened": "12024-07-01T08:00:00.000", "logged": "soon"})
    sync.spec["target"]["onBadValue"] = "Null"

    report = sync.one()

    assert report.bad_values.nulled == 1
    assert column(sync) == {**CLOCK, "odd": "12024-07-01 15:00:00+00"}


def test_so_it_is_by_a_second_connection(sync: Sync, portal: Portal) -> None:
    """Every other row comes in by that."""
    rows = [{"name": f"{n:05}", "opened": "2024-07-15T08:00:00.000"} for n in range(20)]
    portal.add_dataset(CASES, [("name", "text"), ("opened", "calendar_date")], rows)
    sync.spec["target"] |= {
        "table": "cases",
        "key": ["name"],
        "fields": {"name": "", "opened": "timestamptz"},
    }
    sync.spec["source"] = {"timeZone": LA}

    sync.well(options=sync.with_(second_copy=ROW_BY_ROW))

    assert set(column(sync).values()) == {"2024-07-15 15:00:00+00"}


def test_a_text_without_a_zone_is_told_by_that_clock_and_one_with_a_zone_is_not(
    sync: Sync, portal: Portal
) -> None:
    texts = {"a": "2024-07-15 08:00", "b": "2024-07-15 08:00+02", "c": "2024-07-15T08:00:00Z"}
    portal.add_dataset(
        CASES,
        [("name", "text"), ("said", "text")],
        [{"name": n, "said": s} for n, s in texts.items()],
    )
    sync.spec["target"] |= {"table": "cases", "key": ["name"]}
    sync.spec["target"]["fields"] = {"name": "", "said": "timestamptz"}
    sync.spec["source"] = {"timeZone": NY}

    sync.well()

    assert column(sync, "said") == {
        "a": "2024-07-15 12:00:00+00",
        "b": "2024-07-15 06:00:00+00",
        "c": "2024-07-15 08:00:00+00",
    }


def test_what_follows_a_page_is_in_the_sessions_own_zone(sync: Sync, cases: Dataset) -> None:
    """A trigger, as any code of the database's, sees the session that it always saw."""
    utc(sync, "table")
    sync.query(
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "NEW.said := current_setting('timezone'); RETURN NEW; END $$;"
        "CREATE TRIGGER note BEFORE INSERT OR UPDATE ON cases FOR EACH ROW EXECUTE FUNCTION note()"
    )

    sync.well()

    assert column(sync) == CLOCK
    assert set(column(sync, "said").values()) == {"UTC"}


def test_times_that_stay_without_a_zone_ask_for_none(sync: Sync, cases: Dataset) -> None:
    for zone in (LA, NY, None):
        sync.spec["source"] = {"timeZone": zone} if zone else {}
        report = sync.one()
        assert report.rows.downloaded == (len(CLOCK) if zone == LA else 0)
    assert column(sync)["2024-03-10T02:30:00.000"] == "2024-03-10 02:30:00"


REFUSED = [
    # (type in the table or the manifest, what it is a column of)
    ("timestamptz", "opened", "floating_timestamp"),
    ("timestamptz", "said", "text"),
    ("moment", "opened", "floating_timestamp"),
    ("tstzrange", "said", "text"),
    ("tstzmultirange", "said", "text"),
    ("timestamptz[]", "said", "text"),
    ("time with time zone", "said", "text"),
]


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize(("pg_type", "name", "kind"), REFUSED)
def test_without_a_zone_plan_and_run_refuse_and_touch_nothing(
    sync: Sync, cases: Dataset, there: bool, pg_type: str, name: str, kind: str
) -> None:
    sync.query("CREATE DOMAIN moment AS timestamptz")
    del sync.spec["source"]
    if there:
        of = {"name": "text PRIMARY KEY", "opened": "text", "logged": "timestamptz", "said": "text"}
        made = ", ".join(f"{c} {t}" for c, t in {**of, name: pg_type}.items())
        sync.query(f"CREATE TABLE cases ({made})")
        called = {
            "timestamptz": "timestamp with time zone",
            "timestamptz[]": "timestamp with time zone[]",
        }
        pg_type = called.get(pg_type, pg_type)
    else:
        types(sync, **{name: pg_type})
    before = sync.catalog()

    planned = sync.plan(sync.request(), sync.options).datasets[CASES]
    report = sync.run()

    assert isinstance(planned, InvalidSpec)
    assert (
        f"values of {name} ({kind}, to be {pg_type}) need not name a time zone" in planned.message
    )
    assert "spec.source.timeZone, such as America/Los_Angeles" in planned.message
    assert (report.exit_code, report.failure and report.failure.message) == (78, planned.message)
    assert sync.catalog() == before


def test_a_table_that_was_loaded_by_the_wrong_clock_is_read_anew_once_the_zone_is_there(
    sync: Sync, cases: Dataset
) -> None:
    """As tables of earlier releases were loaded, for which a zone of UTC stands: nothing of it was noted."""
    utc(sync, "table")
    sync.spec["source"] = {"timeZone": "Etc/UTC"}
    sync.well()
    sync.query("UPDATE socratasync.datasets SET columns = columns - 'zones'")
    sync.spec["source"] = {"timeZone": LA}

    planned = sync.plan(sync.request(), sync.options).datasets[CASES]
    report = sync.one()

    assert isinstance(planned, DatasetPreview)
    assert planned.plan.load.why == "opened must be filled anew for all rows"
    assert report.rows.updated == len(CLOCK)
    assert column(sync) == CLOCK
    assert sync.one().result == "NoChange"


def test_another_zone_reads_all_rows_anew_and_the_same_one_none(sync: Sync, cases: Dataset) -> None:
    utc(sync, "fields")
    sync.well()
    assert sync.one().result == "NoChange"
    sync.spec["source"] = {"timeZone": NY}

    assert sync.one().rows.updated == len(CLOCK)

    assert column(sync)["2024-01-15T08:00:00.000"] == "2024-01-15 13:00:00+00"
    assert sync.one().result == "NoChange"


def test_rows_of_a_stage_in_another_zone_are_not_gone_on_with(sync: Sync, cases: Dataset) -> None:
    utc(sync, "fields")
    with sync.planned() as (_, plans):
        there = plans[CASES].fingerprint
    sync.spec["source"] = {"timeZone": NY}
    with sync.planned() as (_, plans):
        assert plans[CASES].fingerprint != there


def test_a_zone_that_the_server_does_not_have_is_refused(
    sync: Sync, cases: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours may be newer than the server's."""
    monkeypatch.setattr("socratasync.api.times.zone_exists", lambda _: True)
    sync.spec["source"] = {"timeZone": "America/Newtown"}
    before = sync.catalog()

    report = sync.run()

    assert report.exit_code == 78
    assert report.failure
    assert report.failure.message == (
        "spec.source.timeZone: this PostgreSQL knows no time zone America/Newtown; write another name of the "
        "same clock, of those in the view pg_timezone_names"
    )
    assert sync.catalog() == before


def test_a_zone_that_nobody_has_is_refused_as_the_manifest_is_read(sync: Sync) -> None:
    sync.spec["source"] = {"timeZone": "Los Angeles"}

    with pytest.raises(
        InvalidSpec, match=r"spec.source.timeZone: must be an IANA time zone, such as"
    ):
        sync.request()


def test_a_plan_tries_values_by_that_clock(sync: Sync, portal: Portal) -> None:
    """By no other clock would this one fit, and a plan that said so would be wrong."""
    noon = {"name": "a", "opened": "2024-07-15T12:00:00.000"}
    portal.add_dataset(CASES, [("name", "text"), ("opened", "calendar_date")], [noon])
    sync.query(
        "CREATE DOMAIN evening AS timestamptz CHECK (extract(hour FROM value AT TIME ZONE 'UTC') = 19)"
    )
    sync.spec["target"] |= {
        "table": "cases",
        "key": ["name"],
        "fields": {"name": "", "opened": "evening"},
    }
    sync.spec["source"] = {"timeZone": LA}

    planned = sync.plan(sync.request(), sync.options).datasets[CASES]

    assert isinstance(planned, DatasetPreview)
    assert planned.tried
    assert (planned.tried.rows, planned.tried.values) == (1, 0)
    assert (planned.refused, sync.one().rows.inserted) == (None, 1)


def test_rows_by_another_interface_are_compared_by_that_clock(sync: Sync, cases: Dataset) -> None:
    """What the table holds, since the interface that it was loaded by is gone, is the same as what comes."""
    utc(sync, "table")
    sync.spec["source"] |= {"api": "Auto"}
    assert sync.one().api == "SODA2"
    sync.portal.soda2_ends()

    report = sync.well(mode="full")

    assert report.datasets[0].api == "SODA3"
    assert not [w for w in report.warnings if "another form" in w]
