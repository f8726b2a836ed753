from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql
from tests.unit.pipeline import plans

from socratasync.errors import InvalidSpec
from socratasync.pipeline.columns import PROVENANCE, Column
from socratasync.pipeline.merge import outranked_statements, table_statements
from socratasync.pipeline.merge import statements as merge_statements
from socratasync.pipeline.plan.model import Shape
from socratasync.pipeline.stage import form_statements, statements
from socratasync.pipeline.target import catalog
from socratasync.pipeline.target.types import type_sql

COLUMNS = (
    Column(name="srnumber", field="srnumber", source_type="text", type="text"),
    Column(name="place", field="place", source_type="json", type="json"),
)
SHAPE = replace(plans.SHAPE, columns=COLUMNS)
HOSTILE = 'x"; DROP TABLE requests; --'

names = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1).filter(
    lambda name: name not in PROVENANCE  # those columns have a meaning of their own
)


def growing(shape: Shape) -> Shape:
    """The same while the run makes the target."""
    return replace(shape, new_table=shape.stage)


BUILDERS: dict[str, Callable[[Shape], sql.Composed]] = {
    "create_stage": statements.create_stage,
    "drop_stage": statements.drop_stage,
    "copy_into": lambda shape: statements.copy_into(shape.staged, shape, header_match=True),
    "create_target": lambda shape: table_statements.create_target(
        shape.target, [(c.name, c.type) for c in shape.columns]
    ),
    "add_key": table_statements.add_key,
    "add_columns": lambda shape: table_statements.add_columns(
        shape.target, [(c.name, c.type) for c in shape.columns]
    ),
    "copy_into_new": lambda shape: statements.copy_into_new(growing(shape), has_header=True),
    "move": lambda shape: sql.SQL(";").join(table_statements.move(growing(shape))),
    "create_new": lambda shape: sql.SQL(";").join(
        statements.create_new(growing(shape), [(c.name, c.type) for c in shape.columns])
    ),
    "keep_only": lambda shape: table_statements.keep_only(growing(shape), [shape.dataset]),
    "stage_from_new": lambda shape: table_statements.stage_from_new(growing(shape)),
    "move_to_new": lambda shape: statements.move_to_new(growing(shape)),
    "has_ties": lambda shape: table_statements.has_ties(growing(shape)),
    "count_in_new": lambda shape: statements.count_in_new(growing(shape)),
    "truncate": lambda shape: table_statements.truncate(shape.target),
    "count_rows": lambda shape: catalog.count_rows(shape.target),
    "count_by_dataset": lambda shape: catalog.count_by_dataset(shape.target),
    "analyze": lambda shape: catalog.analyze(shape.target),
    "some_rows": lambda shape: form_statements.some_rows(shape, 9),
    "take_rows": lambda shape: form_statements.take_rows(shape, shape.columns, [shape.dataset]),
    **{
        build.__name__: build
        for build in (
            merge_statements.insert_all,
            merge_statements.upsert,
            merge_statements.difference,
            merge_statements.merge,
            merge_statements.delete_missing,
            merge_statements.find_duplicates,
            merge_statements.delete_duplicates,
            merge_statements.find_null_keys,
            merge_statements.delete_null_keys,
        )
    },
}


def text(composed: sql.Composable) -> str:
    return composed.as_string(None)


_QUOTED = re.compile(r"""(?P<name>"(?:[^"]|"")*")|\s?E'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*'""", re.S)


def skeleton(composed: sql.Composable) -> str:
    """The statement without what is quoted in it: every name is N, every text is T."""
    return _QUOTED.sub(lambda found: "N" if found["name"] else "T", text(composed))


@pytest.mark.parametrize("builder", BUILDERS)
@given(name=names)
def test_no_name_whatever_leaves_its_quotes(builder: str, name: str) -> None:
    harmless, hostile = "x", name
    build = BUILDERS[builder]

    def shape(word: str) -> Shape:
        column = replace(COLUMNS[0], name=word, field=word)
        return replace(
            SHAPE,
            schema=word,
            table=word,
            stage=word,
            dataset=word,
            columns=(column, COLUMNS[1]),
            key=(word,),
        )

    assert skeleton(build(shape(hostile))) == skeleton(build(shape(harmless)))


@pytest.mark.parametrize("builder", BUILDERS)
def test_a_hostile_name_stays_a_name(builder: str) -> None:
    shape = replace(SHAPE, table=HOSTILE, stage=HOSTILE)

    shown = text(BUILDERS[builder](shape))

    assert '"x""; DROP TABLE requests; --"' in shown
    assert 'x"; DROP' not in shown.replace('x""; DROP', "")


@pytest.mark.parametrize(
    "written",
    [
        "text",
        "TEXT",
        "int8",
        "numeric(10,2)",
        "numeric(10, 2)",
        "numeric(3,-2)",
        "character varying(20)",
        "varchar(20)",
        "bit varying(5)",
        "double precision",
        "double precision[]",
        "timestamp",
        "timestamp without time zone",
        "timestamp(3) with time zone",
        "time(0) without time zone",
        "interval",
        "interval day to second(3)",
        "text[]",
        "integer[][]",
        "public.citext",
        "geometry(Point,4326)",
        '"Mood"',
        'app."Mood of ""the"" day"',
        "mood_1",
    ],
)
def test_a_type_is_taken_as_people_and_postgresql_write_it(written: str) -> None:
    assert text(type_sql(written)) == written


@pytest.mark.parametrize(
    "written",
    [
        "",
        " text",
        "text ",
        "text\n",
        "text; DROP TABLE requests",
        "text, evil text",
        "text) --",
        "text -- comment",
        "text /* comment */",
        "text not null",
        "text primary key",
        "text unique",
        "text default now()",
        "text default x",
        "text references secrets(id)",
        "text check(true)",
        'text collate "C"',
        "integer generated always as identity",
        "numeric(10,2,3)",
        "numeric((10))",
        "varchar(pg_sleep(9))",
        "text[",
        "text[5]",
        "a.b.c",
        '"Mood',
        'Mood"',
        '""',
        '"a\0b"',
        "straße",
        "1text",
        "'text'",
    ],
)
def test_what_is_not_plainly_a_type_is_refused(written: str) -> None:
    with pytest.raises(InvalidSpec, match="is not a PostgreSQL type; write one such as text"):
        type_sql(written)


@pytest.mark.parametrize("written", ["serial", "BIGSERIAL", "smallserial", "serial8"])
def test_a_type_that_counts_by_itself_is_refused(written: str) -> None:
    with pytest.raises(InvalidSpec, match="write integer or bigint"):
        type_sql(written)


def test_a_stage_is_unlogged_and_ends_with_what_the_source_says_of_each_row() -> None:
    assert text(statements.create_stage(SHAPE)) == (
        'CREATE UNLOGGED TABLE "socratasync"."stage_x" ("srnumber" text, "place" json, '
        '":updated_at" timestamp with time zone, ":id" text NOT NULL, '
        '":arrival" bigint GENERATED ALWAYS AS IDENTITY (CACHE 10000)) '
        "WITH (autovacuum_enabled = false)"
    )


def test_a_new_table_is_logged_and_its_rows_cost_no_byte_for_their_dataset() -> None:
    made = statements.create_new(
        growing(SHAPE), [("srnumber", "text"), ("socrata_dataset", "text")]
    )

    assert [text(statement) for statement in made] == [
        'CREATE TABLE "socratasync"."stage_x" ("srnumber" text, "socrata_dataset" text) '
        "WITH (autovacuum_enabled = false)",
        'ALTER TABLE "socratasync"."stage_x" ALTER socrata_dataset '
        "SET DEFAULT current_setting('socratasync.dataset')",
        'ALTER TABLE "socratasync"."stage_x" REPLICA IDENTITY FULL',
    ]
    copied = text(statements.copy_into_new(growing(SHAPE), has_header=False))
    assert copied.endswith(
        '"socrata_updated_at", "socrata_id") FROM STDIN (FORMAT csv, HEADER FALSE)'
    )


@pytest.mark.parametrize(("match", "header"), [(True, "HEADER MATCH"), (False, "HEADER TRUE")])
def test_the_header_is_matched_where_the_server_can(match: bool, header: str) -> None:
    assert header in text(statements.copy_into(SHAPE.staged, SHAPE, header_match=match))


def test_values_are_compared_so_that_null_counts() -> None:
    upsert = text(merge_statements.upsert(SHAPE))

    assert "IS DISTINCT FROM" in upsert
    assert "<>" not in upsert
    assert "!=" not in upsert


def test_a_type_without_equality_is_compared_as_text() -> None:
    assert '"t"."place"::text' in text(merge_statements.merge(SHAPE))


def test_new_ids_at_the_source_alone_rewrite_no_row() -> None:
    differs = text(merge_statements.merge(SHAPE)).partition("WHEN MATCHED AND")[2]
    compared = differs.partition("IS DISTINCT FROM")[0]

    assert ":id" not in compared
    assert "socrata_id" not in compared.replace("t.socrata_id IS NULL", "")


def test_only_rows_of_the_dataset_itself_are_deleted() -> None:
    deleted = text(merge_statements.delete_missing(SHAPE))

    assert re.search(r"t\.socrata_dataset = 'abcd-1234' AND NOT EXISTS", deleted)


def test_a_table_keyed_by_the_sources_row_id_is_matched_by_it() -> None:
    keyed = replace(SHAPE, key=("socrata_dataset", "socrata_id"))

    matched = text(merge_statements.merge(keyed))

    assert '"t"."socrata_dataset" = \'abcd-1234\'' in matched
    assert '"t"."socrata_id" = "s".":id"' in matched


def test_of_rows_that_share_a_key_the_newest_then_the_last_is_kept() -> None:
    deleted = text(merge_statements.delete_duplicates(SHAPE))

    assert 'ORDER BY s.":updated_at" DESC NULLS LAST, s.":arrival" DESC' in deleted
    assert "rank > 1" in deleted


def test_a_table_of_nothing_but_its_key_can_be_merged() -> None:
    bare = replace(SHAPE, columns=COLUMNS[:1], provenance=False)

    for build in (
        merge_statements.upsert,
        merge_statements.difference,
        merge_statements.merge,
    ):
        assert 'SET "srnumber" = t."srnumber" ' in text(build(bare)) + " "


def test_rows_whose_key_changed_are_looked_for_by_their_ids_where_they_are_few() -> None:
    few = text(outranked_statements.delete_rekeyed("here", SHAPE, ["row-1"]))
    many = text(outranked_statements.delete_rekeyed("here", SHAPE, None))

    assert few.replace(" AND t.socrata_id = ANY ('{row-1}')", "") == many != few
