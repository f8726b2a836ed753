"""Which columns need the zone of the clock that their values are told by, and what is said where nobody names it."""

from __future__ import annotations

import pytest

from socratasync.errors import InvalidSpec
from socratasync.pipeline.columns import Column, zones_of
from socratasync.pipeline.plan.drift import Agreement
from socratasync.pipeline.plan.time_zone import in_zone

LA = "America/Los_Angeles"


def agreed(*columns: tuple[str, str, str]) -> Agreement:
    """(name, Socrata's type, PostgreSQL's) columns."""
    made = (Column(name=n, field=n, source_type=source, type=t) for n, source, t in columns)
    return Agreement(columns=tuple(made), add=(("opened", "timestamptz"),), warnings=("so",))


NEEDS = [
    ("floating_timestamp", "timestamptz"),
    ("floating_timestamp", "timestamp with time zone"),
    ("floating_timestamp", "TIMESTAMP(3) WITH TIME ZONE"),
    ("floating_timestamp", "moment"),  # a domain, as the database knows
    ("text", "timestamptz"),
    ("text", "timetz"),
    ("text", "tstzrange"),
    ("some_new_type", "timestamptz"),
]
NEEDS_NONE = [
    ("fixed_timestamp", "timestamptz"),  # ends in Z
    ("floating_timestamp", "timestamp"),
    ("floating_timestamp", "date"),
    ("floating_timestamp", "text"),
    ("text", "time"),
    ("number", "numeric"),
]
INSTANTS = {"moment", "tstzrange"}


@pytest.mark.parametrize(("source_type", "pg_type"), NEEDS)
def test_what_holds_instants_and_is_told_by_a_clock_needs_its_zone(
    source_type: str, pg_type: str
) -> None:
    before = agreed(("opened", source_type, pg_type), ("name", "text", "text"))

    after = in_zone("park-0001", before, instants=INSTANTS, zone=LA)

    assert zones_of(after.columns) == {"opened": LA}
    assert (after.add, after.warnings) == (before.add, before.warnings)
    with pytest.raises(InvalidSpec) as refused:
        in_zone("park-0001", before, instants=INSTANTS, zone=None)
    assert refused.value.message == (
        f"dataset park-0001: values of opened ({source_type}, to be {pg_type}) need not name a time zone, and nobody "
        "says whose clock they are told by; write it in spec.source.timeZone, such as America/Los_Angeles, or give such "
        "a column the type timestamp"
    )


@pytest.mark.parametrize(("source_type", "pg_type"), NEEDS_NONE)
@pytest.mark.parametrize("zone", [None, LA])
def test_all_else_is_as_it_was(source_type: str, pg_type: str, zone: str | None) -> None:
    before = agreed(("opened", source_type, pg_type))

    assert in_zone("park-0001", before, instants=INSTANTS, zone=zone) == before


def test_all_columns_that_lack_a_zone_are_named_and_no_other() -> None:
    columns = [(f"c{n}", "floating_timestamp", "timestamptz") for n in range(7)]

    with pytest.raises(InvalidSpec) as refused:
        in_zone("park-0001", agreed(("name", "text", "text"), *columns), instants=(), zone=None)

    said = refused.value.message
    assert "name (" not in said
    assert "c4 (floating_timestamp, to be timestamptz) and 2 more need not" in said
