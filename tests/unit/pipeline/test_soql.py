from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from socratasync.errors import SourceUnavailable
from socratasync.pipeline.columns import Column
from socratasync.pipeline.source import soql
from socratasync.pipeline.source.soql import Query, Watermark

AT = datetime(2024, 2, 29, 23, 59, 58, 987654, tzinfo=UTC)
BY_CHANGE = Watermark()
BY_FLOATING = Watermark(field="updateddate", floating=True)
BY_FIXED = Watermark(field="systemmodstamp")


def column(name: str, field: str | None = None) -> Column:
    return Column(name=name, field=field or name, source_type="text", type="text")


# -- words --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "written"),
    [
        pytest.param("srnumber", "srnumber", id="a plain name stays bare"),
        pytest.param("_1950", "_1950", id="so does one that starts with an underscore"),
        pytest.param(":id", ":id", id="and a system field"),
        pytest.param(
            ":@computed_region_tatf_ua23",
            ":@computed_region_tatf_ua23",
            id="and a computed region",
        ),
        pytest.param("group", "`group`", id="a reserved word is quoted"),
        pytest.param("search", "`search`", id="so is one of Socrata's own"),
        pytest.param("null", "`null`", id="and null"),
        pytest.param("Zip Codes", "`Zip Codes`", id="a space is quoted"),
        pytest.param("1950", "`1950`", id="a leading digit is quoted"),
        pytest.param("straße", "`straße`", id="so are letters beyond ASCII"),
        pytest.param("a`b", "`a``b`", id="a back-tick is doubled"),
        pytest.param("a\n", "`a\n`", id="a line end does not slip through the check"),
        pytest.param("a or 1=1", "`a or 1=1`", id="a condition stays one name"),
        pytest.param("site.url", "site.url", id="a part stays one"),
        pytest.param("group.latitude", "`group`.latitude", id="of a field that is quoted, too"),
        pytest.param("site.port", "`site.port`", id="what is no part is a name"),
    ],
)
def test_a_field_name_is_written_so_that_it_stays_one_name(name: str, written: str) -> None:
    assert soql.identifier(name) == written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Reseda", "'Reseda'"),
        ("O'Melveny", "'O''Melveny'"),
        ("'", "''''"),
        ("' or ''='", "''' or ''''='''"),
        ("a`b\\", "'a`b\\'"),
    ],
)
def test_apostrophes_in_a_text_are_doubled(text: str, written: str) -> None:
    assert soql.quote(text) == written


@pytest.mark.parametrize(
    ("conditions", "joined"),
    [
        pytest.param((), None, id="nothing"),
        pytest.param((None, ""), None, id="nothing said twice"),
        pytest.param(("a = 1", None), "a = 1", id="one stays as it is"),
        pytest.param(
            ("a = 1 or b = 2", ":id > 'row-x'"),
            "(a = 1 or b = 2) and (:id > 'row-x')",
            id="an or does not swallow what is joined to it",
        ),
        pytest.param(
            ("a = 1 -- only ours", "b"),
            "(a = 1 -- only ours\n) and (b)",
            id="nor does a comment",
        ),
    ],
)
def test_conditions_are_joined_without_changing_their_meaning(
    conditions: tuple[str | None, ...], joined: str | None
) -> None:
    assert soql.both(*conditions) == joined


# -- watermarks ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("watermark", "at", "literal"),
    [
        pytest.param(
            BY_CHANGE, AT, "'2024-02-29T23:59:58.987Z'", id="a fixed time ends in Z, cut to ms"
        ),
        pytest.param(
            BY_FLOATING, AT, "'2024-02-29T23:59:58.987'", id="a floating time has no zone"
        ),
        pytest.param(
            BY_CHANGE,
            AT.astimezone(timezone(timedelta(hours=-8))),
            "'2024-02-29T23:59:58.987Z'",
            id="a time of another zone is turned into UTC",
        ),
        pytest.param(
            BY_CHANGE,
            datetime(987, 6, 5, tzinfo=UTC),
            "'0987-06-05T00:00:00.000Z'",
            id="an early year keeps its four digits",
        ),
    ],
)
def test_a_watermark_is_written_as_its_column_reads_it(
    watermark: Watermark, at: datetime, literal: str
) -> None:
    assert watermark.literal(at) == literal


def test_without_a_bound_no_row_is_left_out() -> None:
    assert soql.since(BY_CHANGE, None) is None


def test_rows_at_the_bound_itself_are_read_again() -> None:
    assert soql.since(BY_CHANGE, AT) == (
        ":updated_at >= '2024-02-29T23:59:58.987Z' or :updated_at is null"
    )


def test_a_row_without_a_date_of_its_own_is_always_read() -> None:
    assert soql.since(BY_FLOATING, AT) == (
        "updateddate >= '2024-02-29T23:59:58.987' or updateddate is null"
    )


@pytest.mark.parametrize(
    ("watermark", "start", "end", "condition"),
    [
        pytest.param(
            BY_CHANGE,
            AT,
            AT + timedelta(hours=1),
            "(:updated_at >= '2024-02-29T23:59:58.987Z') and (:updated_at < '2024-03-01T00:59:58.987Z')",
            id="both ends",
        ),
        pytest.param(BY_CHANGE, AT, None, ":updated_at >= '2024-02-29T23:59:58.987Z'", id="no end"),
        pytest.param(
            BY_FLOATING, None, AT, "updateddate < '2024-02-29T23:59:58.987'", id="as it is written"
        ),
    ],
)
def test_a_range_has_no_row_beyond_its_ends_and_none_without_a_time(
    watermark: Watermark, start: datetime | None, end: datetime | None, condition: str
) -> None:
    assert soql.between(watermark, start, end) == condition


# -- pages --------------------------------------------------------------------------------------


def test_a_page_names_its_columns_and_ends_each_row_with_its_id() -> None:
    page = soql.rows([column("srnumber"), column("status")], where=None, after=None, limit=5)

    assert page == Query(
        select=("srnumber", "status", ":updated_at", ":id"),
        header=("srnumber", "status", ":updated_at", ":id"),
        order=":id",
        limit=5,
    )


def test_the_next_page_starts_after_the_last_row_received() -> None:
    page = soql.rows([column("a")], where=None, after="row-x.y~z-1", limit=5)

    assert page.where == ":id > 'row-x.y~z-1'"


def test_a_filter_with_or_does_not_defeat_the_paging() -> None:
    page = soql.rows([column("a")], where="a = 1 or a = 2", after="row-x", limit=5)

    assert page.where == "(a = 1 or a = 2) and (:id > 'row-x')"


def test_a_filter_with_or_does_not_defeat_the_bound() -> None:
    condition = soql.both("a = 1 or a = 2", soql.since(BY_FLOATING, AT))

    assert soql.rows([column("a")], where=condition, after="row-x", limit=5).where == (
        "((a = 1 or a = 2) and "
        "(updateddate >= '2024-02-29T23:59:58.987' or updateddate is null)) and (:id > 'row-x')"
    )


def test_a_mapped_column_is_selected_under_its_name_in_the_target() -> None:
    page = soql.rows(
        [column("srnumber", "casenumber"), column("group", "Type"), column("region", ":@region")],
        where=None,
        after=None,
        limit=1,
    )

    assert page.select == (
        "casenumber as srnumber",
        "`Type` as `group`",
        ":@region as region",
        ":updated_at",
        ":id",
    )


@pytest.mark.parametrize(
    ("columns", "shown", "all_of_them"),
    [
        pytest.param([column("a"), column("b")], ["a", "b"], True, id="as the dataset shows them"),
        pytest.param([column("a"), column("b")], ["b", "a"], False, id="in another order"),
        pytest.param([column("a")], ["a", "b"], False, id="some of them"),
        pytest.param([column("x", "a")], ["a"], False, id="under another name"),
        pytest.param(
            [column(":@region")], [":@region"], False, id="a computed region, which * leaves out"
        ),
        pytest.param([column("a")], [], False, id="nobody knows what the dataset shows"),
    ],
)
def test_a_page_knows_whether_it_is_of_all_columns(
    columns: list[Column], shown: list[str], all_of_them: bool
) -> None:
    page = soql.rows(columns, where=None, after=None, limit=1, shown=shown)

    assert page.everything is all_of_them


def test_the_header_is_that_of_the_columns_then_the_two_of_the_source() -> None:
    assert soql.header([column("srnumber", "casenumber")]) == ["srnumber", ":updated_at", ":id"]


@pytest.mark.parametrize(
    ("where", "asked"),
    [
        (None, Query(select=("count(*) as source_rows",))),
        ("a = 1 or b", Query(select=("count(*) as source_rows",), where="a = 1 or b")),
    ],
)
def test_rows_are_counted_under_the_same_filter(where: str | None, asked: Query) -> None:
    assert soql.count(where) == asked


def test_the_newest_change_is_asked_for_as_the_source_stamped_it() -> None:
    assert soql.newest(BY_CHANGE, None, AT) == Query(select=("max(:updated_at) as newest",))


def test_a_date_in_the_year_3020_cannot_become_the_watermark() -> None:
    asked = soql.newest(BY_FIXED, "a = 1 or b = 2", AT)

    assert asked.select == ("max(systemmodstamp) as newest",)
    assert asked.where == ("(a = 1 or b = 2) and (systemmodstamp <= '2024-02-29T23:59:58.987Z')")


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2023-06-03T00:15:00.000", datetime(2023, 6, 3, 0, 15, tzinfo=UTC)),
        ("2023-06-03T00:15:00.123Z", datetime(2023, 6, 3, 0, 15, 0, 123000, tzinfo=UTC)),
        ("1899-12-31T23:59:59.999", datetime(1899, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)),
        ("2023-06-03", datetime(2023, 6, 3, tzinfo=UTC)),
    ],
)
def test_a_timestamp_is_read_as_socrata_writes_it(text: str, at: datetime) -> None:
    assert soql.parse_timestamp(text) == at


@pytest.mark.parametrize("text", ["", "soon", "10000-01-01T00:00:00.000", 1717171717, None])
def test_what_is_not_a_time_is_said_to_be_none(text: str) -> None:
    with pytest.raises(SourceUnavailable, match="where a time was asked for"):
        soql.parse_timestamp(text)


@pytest.mark.parametrize("watermark", [BY_CHANGE, BY_FLOATING, BY_FIXED])
def test_a_watermark_read_and_written_again_is_the_same(watermark: Watermark) -> None:
    literal = watermark.literal(AT)

    assert watermark.literal(soql.parse_timestamp(literal.strip("'"))) == literal
