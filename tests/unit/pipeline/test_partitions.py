"""Which partitions a table lacks, and what the names and bounds of its other ones show: tables are the specification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from tests.unit.pipeline.plans import PLAN

from socratasync.errors import TargetMismatch
from socratasync.pipeline.plan.bounds import (
    Grid,
    Unreadable,
    at,
    read_list,
    read_point,
    read_range,
    takes,
    write_point,
)
from socratasync.pipeline.plan.partitions import (
    MOST,
    Layout,
    for_dataset,
    how_made,
    partition_statements,
    read_layout,
)
from socratasync.pipeline.target.partitions import (
    NewPartition,
    Partition,
    Partitioned,
    create_partition,
    own_partition,
)

TIME, ZONED = "timestamp without time zone", "timestamp with time zone"


def table(way: str, pg_type: str, column: str = "year", /, **bounds: str) -> Partitioned:
    """A table with partitions: name → bounds, without FOR VALUES."""
    return Partitioned(
        schema="public",
        table="calls",
        way=way,
        column=column,
        type=pg_type,
        partitions=tuple(_partition(name, text) for name, text in bounds.items()),
    )


def _partition(name: str, bounds: str, **words: Any) -> Partition:
    given: dict[str, Any] = {
        "schema": "parts",
        "owner": "loader",
        "tablespace": None,
        "is_plain": True,
    }
    return Partition(name=name, bounds=f"FOR VALUES {bounds}", **{**given, **words})


def layout(partitioned: Partitioned) -> Layout:
    found = read_layout(partitioned)
    assert found is not None
    return found


def made(partitioned: Partitioned, *values: str) -> list[str]:
    """The statements for what these values lack, shortened."""
    statements = (
        create_partition("public", "calls", new).as_string()
        for new in layout(partitioned).lacking(values)
    )
    return [
        text.replace('"', "")
        .replace("CREATE TABLE parts.", "")
        .replace(" PARTITION OF public.calls FOR VALUES", "")
        for text in statements
    ]


def years(pg_type: str, *, ending: str = "") -> dict[str, str]:
    return {
        f"calls_{year}": f"FROM ('{year}-01-01{ending}') TO ('{year + 1}-01-01{ending}')"
        for year in (2023, 2024)
    }


SHOWN: Mapping[str, tuple[Partitioned, tuple[str, ...], list[str]]] = {
    "by dataset, dashes as they are": (
        table("l", "text", **{"calls-abcd-0001": "IN ('abcd-0001')"}),
        ("abcd-0001", "wxyz-9999"),
        ["calls-wxyz-9999 IN ('wxyz-9999')"],
    ),
    "by dataset, with underlines": (
        table("l", "text", calls_abcd_0001="IN ('abcd-0001')"),
        ("wxyz-9999",),
        ["calls_wxyz_9999 IN ('wxyz-9999')"],
    ),
    "by dataset, without dashes, something behind": (
        table("l", "text", abcd0001_calls="IN ('abcd-0001')", efgh0002_calls="IN ('efgh-0002')"),
        ("wxyz-9999", "efgh-0002"),
        ["wxyz9999_calls IN ('wxyz-9999')"],
    ),
    "by a value in capitals": (
        table("l", "character varying(9)", calls_north="IN ('NORTH')"),
        ("SOUTH",),
        ["calls_south IN ('SOUTH')"],
    ),
    "by a value that is a part of the table's name": (
        table("l", "text", calls_c="IN ('c')"),
        ("d",),
        ["calls_d IN ('d')"],
    ),
    "by a year": (
        table("l", "integer", calls_2023="IN (2023)", calls_2024="IN (2024)"),
        ("2024", "2026", "2025", "2026"),
        ["calls_2026 IN (2026)", "calls_2025 IN (2025)"],
    ),
    "by a year behind a letter": (
        table("l", "bigint", y2023="IN ('2023')"),  # as PostgreSQL writes a bigint
        ("2024",),
        ["y2024 IN (2024)"],
    ),
    "by a day": (
        table("l", "date", calls_2024_01_01="IN ('2024-01-01')"),
        ("2024-01-02",),
        ["calls_2024_01_02 IN ('2024-01-02')"],
    ),
    "years of a time": (
        table("r", TIME, **years(TIME, ending=" 00:00:00")),
        ("2024-12-31 23:59:59.999", "2025-01-01 00:00:00", "2026-07-01 00:00:00", "2025-02-01 00:00:00"),
        [
            "calls_2025 FROM ('2025-01-01 00:00:00') TO ('2026-01-01 00:00:00')",
            "calls_2026 FROM ('2026-01-01 00:00:00') TO ('2027-01-01 00:00:00')",
        ],
    ),
    "years of a time with a zone": (
        table("r", ZONED, **years(ZONED, ending=" 00:00:00+00")),
        ("2025-03-01 00:00:00+00",),
        ["calls_2025 FROM ('2025-01-01 00:00:00+00') TO ('2026-01-01 00:00:00+00')"],
    ),
    "years of a date, before the first and in between": (
        table("r", "date", calls_2020="FROM ('2020-01-01') TO ('2021-01-01')",
              calls_2022="FROM ('2022-01-01') TO ('2023-01-01')"),
        ("2021-01-01", "2019-12-31", "0203-05-05"),
        ["calls_2021 FROM ('2021-01-01') TO ('2022-01-01')", "calls_2019 FROM ('2019-01-01') TO ('2020-01-01')",
         "calls_0203 FROM ('0203-01-01') TO ('0204-01-01')"],
    ),
    "financial years by their end": (
        table("r", "date", fy2024="FROM ('2023-07-01') TO ('2024-07-01')"),
        ("2024-07-01",),
        ["fy2025 FROM ('2024-07-01') TO ('2025-07-01')"],
    ),
    "financial years by both": (
        table("r", "date", fy_2023_2024="FROM ('2023-07-01') TO ('2024-07-01')"),
        ("2026-06-30",),
        ["fy_2025_2026 FROM ('2025-07-01') TO ('2026-07-01')"],
    ),
    "quarters": (
        table("r", "date", calls_2023_q4="FROM ('2023-10-01') TO ('2024-01-01')",
              calls_2024_q1="FROM ('2024-01-01') TO ('2024-04-01')"),
        ("2024-06-30", "2024-07-01", "2024-12-31"),
        ["calls_2024_q2 FROM ('2024-04-01') TO ('2024-07-01')", "calls_2024_q3 FROM ('2024-07-01') TO ('2024-10-01')",
         "calls_2024_q4 FROM ('2024-10-01') TO ('2025-01-01')"],
    ),
    "months": (
        table("r", "date", calls_y2023m12="FROM ('2023-12-01') TO ('2024-01-01')"),
        ("2024-02-29",),
        ["calls_y2024m02 FROM ('2024-02-01') TO ('2024-03-01')"],
    ),
    "months without anything between": (
        table("r", "date", p202312="FROM ('2023-12-01') TO ('2024-01-01')"),
        ("2024-01-31",),
        ["p202401 FROM ('2024-01-01') TO ('2024-02-01')"],
    ),
    "days": (
        table("r", "date", calls_2024_02_28="FROM ('2024-02-28') TO ('2024-02-29')"),
        ("2024-02-29",),
        ["calls_2024_02_29 FROM ('2024-02-29') TO ('2024-03-01')"],
    ),
    "a number's year": (
        table("r", "integer", calls_2024="FROM (2024) TO (2025)"),
        ("2025", "2024"),
        ["calls_2025 FROM (2025) TO (2026)"],
    ),
    "numbers by their first and last": (
        table("r", "bigint", calls_0_99="FROM ('0') TO ('100')", calls_100_199="FROM ('100') TO ('200')"),
        ("200", "1050", "199"),
        ["calls_200_299 FROM (200) TO (300)", "calls_1000_1099 FROM (1000) TO (1100)"],
    ),
    "numbers by both ends, off the tens": (
        table("r", "integer", calls_5_15="FROM (5) TO (15)"),
        ("44",),
        ["calls_35_45 FROM (35) TO (45)"],
    ),
    "one without an end beside": (
        table("r", "date", old="FROM (MINVALUE) TO ('2024-01-01')",
              calls_2024="FROM ('2024-01-01') TO ('2025-01-01')"),
        ("1999-01-01", "2025-01-01"),
        ["calls_2025 FROM ('2025-01-01') TO ('2026-01-01')"],
    ),
    "nothing that is lacking": (table("l", "text", x="IN ('a', NULL)", y="IN ('b')"), ("a", "b"), []),
    "values that no calendar has": (
        table("r", "date", **years("date")), ("infinity", "0044-03-15 BC", "9999-01-01"), [],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("partitioned", "values", "expected"), SHOWN.values(), ids=SHOWN.keys())
def test_a_partition_is_made_like_the_others(
    partitioned: Partitioned, values: tuple[str, ...], expected: list[str]
) -> None:
    assert made(partitioned, *values) == expected


NOT_SHOWN: Mapping[str, tuple[Partitioned, str, str, str]] = {
    "names that are not made of the values": (
        table("l", "text", calls_1="IN ('abcd-0001')"), "wxyz-9999", "wxyz-9999",
        "\"public\".\"calls_wxyz_9999\" PARTITION OF \"public\".\"calls\" FOR VALUES IN ('wxyz-9999')",
    ),
    "names that are not all made alike": (
        table("l", "integer", calls_2023="IN (2023)", late_2024="IN (2024)"), "2025", "2025",
        '"public"."calls_2025" PARTITION OF "public"."calls" FOR VALUES IN (2025)',
    ),
    "a list of several values": (
        table("l", "integer", calls_2023="IN (2023)", calls_2024="IN (2024, 2025)"), "2026", "2026",
        '"public"."calls_2026" PARTITION OF "public"."calls" FOR VALUES IN (2026)',
    ),
    "a null": (
        table("l", "integer", calls_2023="IN (2023)", calls_="IN (NULL)"), "2026", "2026", "IN (2026)",
    ),
    "a value that makes no name": (
        table("l", "text", calls_a="IN ('a')"), "it's; b", "it's; b", "\"calls_it_s_b\" PARTITION OF",
    ),
    "a value that runs on in the name": (
        table("l", "integer", calls12024="IN (2024)"), "2025", "2025", '"calls_2025"',
    ),
    "a name that PostgreSQL would cut": (
        table("l", "text", **{f"{'x' * 57}_a": "IN ('a')"}), "abcdef", "abcdef", '"calls_abcdef"',
    ),
    "ranges that are not equal": (
        table("r", "integer", calls_2020="FROM (2020) TO (2021)", calls_2021="FROM (2021) TO (2024)"),
        "2024", "from 2024 to 2025", "FOR VALUES FROM (2024) TO (2025)",
    ),
    "years that begin at different times": (
        table("r", "date", calls_2020="FROM ('2020-01-01') TO ('2021-01-01')",
              calls_2022="FROM ('2022-07-01') TO ('2023-07-01')"),
        "2022-02-02", "from 2022-01-01 to 2022-07-01", "FROM ('2022-01-01') TO ('2022-07-01')",
    ),
    "midnight elsewhere": (
        table("r", ZONED, calls_2024="FROM ('2024-01-01 08:00:00+00') TO ('2025-01-01 08:00:00+00')"),
        "2025-03-01 00:00:00+00", "from 2025-01-01 08:00:00+00 to 2026-01-01 00:00:00+00",
        "\"calls_2025_01_01_08_00_00_00\" PARTITION OF \"public\".\"calls\" FOR VALUES "
        "FROM ('2025-01-01 08:00:00+00') TO ('2026-01-01 00:00:00+00')",
    ),
    "a year that another partition has begun": (
        table("r", "date", calls_2024="FROM ('2024-01-01') TO ('2025-01-01')",
              late="FROM ('2026-04-01') TO (MAXVALUE)"),
        "2026-02-02", "from 2026-01-01 to 2026-04-01", "FROM ('2026-01-01') TO ('2026-04-01')",
    ),
    "ranges without ends only": (
        table("r", "date", old="FROM (MINVALUE) TO ('2024-01-01')"), "2024-02-02",
        "from 2024-01-01 to 2025-01-01", "FROM ('2024-01-01') TO ('2025-01-01')",
    ),
    "a name that the year is not in": (
        table("r", "date", calls_new="FROM ('2024-01-01') TO ('2025-01-01')"), "2025-02-02",
        "from 2025-01-01 to 2026-01-01", "FROM ('2025-01-01') TO ('2026-01-01')",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("partitioned", "value", "shown", "statement"), NOT_SHOWN.values(), ids=NOT_SHOWN.keys()
)
def test_what_is_not_shown_is_a_statement_for_a_person(
    partitioned: Partitioned, value: str, shown: str, statement: str
) -> None:
    with pytest.raises(TargetMismatch) as refused:
        layout(partitioned).lacking([value])

    said = refused.value.message
    assert said.startswith(
        f"public.calls has no partition for year {shown}, and its other ones do not show how it is made. Run CREATE "
        "TABLE "
    )
    assert statement in said
    assert said.endswith(
        ", or make one for all other rows: CREATE TABLE public.calls_rest PARTITION OF public.calls DEFAULT"
    )


@pytest.mark.parametrize(
    "other",
    [{"schema": "public"}, {"owner": "joe"}, {"tablespace": "fast"}, {"is_plain": False}],
    ids=str,
)
def test_partitions_that_are_not_of_one_kind_show_nothing(other: dict[str, Any]) -> None:
    alike = table("l", "integer", calls_2023="IN (2023)", calls_2024="IN (2024)")
    mixed = replace(alike, partitions=(alike.partitions[0], replace(alike.partitions[1], **other)))

    assert layout(alike).naming
    assert layout(mixed).naming is None


def test_partitions_that_are_partitioned_themselves_show_nothing() -> None:
    alike = table("l", "integer", calls_2023="IN (2023)")
    (only,) = alike.partitions

    assert layout(replace(alike, partitions=(replace(only, is_plain=False),))).naming is None


def test_a_new_partition_has_the_owner_and_the_place_of_its_like() -> None:
    alike = table("l", "integer", calls_2023="IN (2023)")
    (only,) = alike.partitions
    placed = replace(alike, partitions=(replace(only, owner="City", tablespace="Fast"),))

    (new,) = layout(placed).lacking(["2024"])

    assert (new.schema, new.name, new.values) == ("parts", "calls_2024", (2024,))
    assert create_partition("public", "calls", new).as_string() == (
        'CREATE TABLE "parts"."calls_2024" PARTITION OF "public"."calls" FOR VALUES IN (2024) TABLESPACE "Fast"'
    )
    own = own_partition(new)
    assert own is not None
    assert own.as_string() == 'ALTER TABLE "parts"."calls_2024" OWNER TO "City"'
    assert own_partition(replace(new, owner=None)) is None


def test_many_partitions_at_once_are_hardly_meant() -> None:
    years_ = table("l", "integer", calls_2023="IN (2023)")
    assert len(layout(years_).lacking(map(str, range(3000, 3000 + MOST)))) == MOST

    with pytest.raises(TargetMismatch) as refused:
        layout(years_).lacking(map(str, range(3000, 3001 + MOST)))

    assert (
        "has no partition for year 3000, 3001, 3002, 3003, 3004 and 196 more, and that is more than 200 at once, which "
        'may be slips. Run CREATE TABLE "parts"."calls_3000" PARTITION OF'
    ) in refused.value.message
    assert refused.value.message.count("CREATE TABLE") == 6
    assert " and so on, or make one" in refused.value.message


def test_of_several_only_those_that_are_not_shown_are_told() -> None:
    by_name = table("l", "text", calls_a="IN ('a')")

    with pytest.raises(TargetMismatch) as refused:
        layout(by_name).lacking(["b", "c d", "e"])

    assert "has no partition for year c d, and" in refused.value.message
    assert refused.value.message.count("PARTITION OF") == 4  # a run makes none of them then


UNKNOWN = {
    "no table that is partitioned": None,
    "by numbers with decimals": table("l", "numeric", calls_1="IN (1.0)"),
    "by padded texts": table("l", "character(4)", calls_ab="IN ('ab  ')"),
    "ranges of texts": table("r", "text", calls_a="FROM ('a') TO ('b')"),
    "a date before Christ": table(
        "r", "date", old="FROM ('0044-03-15 BC') TO ('2024-01-01')", calls_2024="IN (1)"
    ),
    "the end of time": table("r", "date", new="FROM ('2024-01-01') TO ('infinity')"),
    "bounds of another form": table("l", "text", calls_a="IN ('a'::text)"),
}


@pytest.mark.parametrize("partitioned", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_what_is_not_understood_is_left_to_the_table(partitioned: Partitioned | None) -> None:
    assert read_layout(partitioned) is None
    assert how_made(partitioned) is None
    assert for_dataset(partitioned, "abcd-0001") is None


# -- what is known beforehand ----------------------------------------------------------------------------

BY_DATASET = table("l", "text", "socrata_dataset", calls_abcd_0001="IN ('abcd-0001')")


def test_a_dataset_s_own_partition_is_known_beforehand() -> None:
    new = for_dataset(BY_DATASET, "wxyz-9999")

    assert new == NewPartition(
        schema="parts", name="calls_wxyz_9999", values=("wxyz-9999",), owner="loader"
    )
    assert for_dataset(BY_DATASET, "abcd-0001") is None
    assert for_dataset(replace(BY_DATASET, column="name"), "wxyz-9999") is None
    with pytest.raises(TargetMismatch, match="has no partition for socrata_dataset wxyz-9999"):
        for_dataset(table("l", "text", "socrata_dataset", x="IN ('abcd-0001')"), "wxyz-9999")


def test_a_plan_shows_the_statements_of_the_datasets_that_are_loaded() -> None:
    plans = [
        replace(PLAN, dataset="wxyz-9999"),
        replace(PLAN, dataset="abcd-0001"),
        replace(PLAN, dataset="none-0000", nothing_to_do=True),
    ]

    assert partition_statements(BY_DATASET, plans) == [
        'CREATE TABLE "parts"."calls_wxyz_9999" PARTITION OF "public"."calls" FOR VALUES IN (\'wxyz-9999\')'
    ]
    assert partition_statements(None, plans) == []


def test_a_plan_says_how_partitions_are_made_that_only_rows_tell() -> None:
    by_year = table("l", "integer", calls_2023="IN (2023)", calls_2024="IN (2024)")

    assert how_made(by_year) == (
        "a partition that rows need for their year is made before the merge, like calls_2024"
    )
    assert how_made(table("l", "integer", calls_x="IN (2023)")) == (
        "a row whose year no partition takes fails its dataset: how they are made is not shown by those that are there"
    )
    assert how_made(BY_DATASET) is None


# -- bounds ------------------------------------------------------------------------------------------


def test_bounds_are_read_as_postgresql_writes_them() -> None:
    assert read_list("FOR VALUES IN ('it''s, (a)', NULL, '-5', 7)") == [
        "it's, (a)",
        None,
        "-5",
        "7",
    ]
    assert read_range("FOR VALUES FROM (MINVALUE) TO ('-5')", "integer") == (None, -5)
    assert read_range("FOR VALUES FROM ('2024-01-01') TO (MAXVALUE)", "date") == (
        datetime.fromisoformat("2024-01-01"),
        None,
    )
    for bounds in (
        "DEFAULT",
        "FOR VALUES WITH (modulus 2, remainder 0)",
        "FOR VALUES FROM (1, 2) TO (3, 4)",
    ):
        with pytest.raises(Unreadable):
            read_list(bounds)
        with pytest.raises(Unreadable):
            read_range(bounds, "integer")


def test_points_are_moments_without_a_zone() -> None:
    noon = datetime.fromisoformat("2024-02-29T12:00")
    assert read_point("2024-02-29 14:00:00+02", ZONED) == noon
    assert read_point("2024-02-29 12:00:00", TIME) == noon
    assert write_point(noon, ZONED) == "2024-02-29 12:00:00+00"
    assert write_point(noon, "timestamp(3)") == "2024-02-29 12:00:00"
    assert write_point(noon, "date") == "2024-02-29"
    assert write_point(7, "bigint") == 7


@pytest.mark.parametrize(
    ("known", "taken"),
    [((1, 3), [1, 2]), ((None, 2), [0, 1]), ((2, None), [2, 3]), ((None, None), [0, 1, 2, 3])],
)
def test_a_range_takes_its_beginning_and_not_its_end(
    known: tuple[int | None, int | None], taken: list[int]
) -> None:
    assert [point for point in range(4) if takes(known, point)] == taken


def test_a_grid_goes_on_below_zero_and_ends_with_the_calendar() -> None:
    assert Grid(unit="number", size=10, offset=3).cell(-8) == (-17, -7)
    assert Grid(unit="number", size=10, offset=3).cell(-7) == (-7, 3)
    assert Grid(unit="days", size=7, offset=1).cell(datetime.fromisoformat("0001-01-08T05:00")) == (
        datetime.fromisoformat("0001-01-08"),
        datetime.fromisoformat("0001-01-15"),
    )
    for unit, number in (("months", 10_000 * 12), ("months", 11), ("days", 0), ("days", 10**9)):
        with pytest.raises(Unreadable):
            at(unit, number)  # type: ignore[arg-type]
