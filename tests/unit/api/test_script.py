"""The manifest's SQL as statements: split as PostgreSQL reads it, and what has no place in it."""

from __future__ import annotations

import pytest

from socratasync.api.script import BadScript, Statement, read_script


def texts(script: str) -> list[str]:
    return [statement.text for statement in read_script(script)]


ONE = {
    "a string with a semicolon": "SELECT ';'",
    "a string with a quote": "SELECT 'it''s; fine'",
    "a backslash that is none": r"SELECT '\'",
    "an escape string": r"SELECT E'\';'",
    "a unicode string": r"SELECT U&'\0061;'",
    "a bit string": "SELECT b'1', X'f;'",
    "a quoted name": 'SELECT 1 AS "a;""b;"',
    "a quoted name in unicode": 'SELECT 1 AS U&"a;b"',
    "dollar quotes": "DO $$ BEGIN PERFORM 1; END; $$",
    "dollar quotes with a name": "DO $körper$ BEGIN PERFORM '$$;'; END $körper$",
    "dollars in a name": "SELECT a$b$c FROM t$; ".rstrip("; "),
    "a comment within": "SELECT 1 -- one; two\n, 2",
    "a comment in a comment": "SELECT /* ; /* ; */ ; */ 1",
    "parentheses": "CREATE RULE r AS ON DELETE TO v DO ALSO (DELETE FROM a; DELETE FROM b)",
    "an SQL body": "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END",
    "an SQL body with a case": "CREATE OR REPLACE FUNCTION f(x int) RETURNS int LANGUAGE sql BEGIN ATOMIC "
    "SELECT CASE WHEN x > 1 THEN 1 ELSE 2 END; SELECT 3; END",
    "an SQL procedure": "create or replace procedure p() begin atomic select 1; select 2; end",
    "a parameter": "PREPARE p AS SELECT $1",
    "an operator of comments' letters": "SELECT 4 / 2 * 3 - 1",
    "a number with letters": "SELECT 1e5, 0x1f",
    "a case outside of a body": "SELECT CASE WHEN true THEN 1 END",
    "a function by its name": "COMMENT ON FUNCTION f() IS 'begin'",
}


@pytest.mark.parametrize("script", ONE.values(), ids=ONE.keys())
def test_what_is_one_statement_stays_one(script: str) -> None:
    assert texts(script) == [script]
    assert texts(f"  {script} ;; SELECT 2; ") == [script, "SELECT 2"]


def test_a_statement_knows_its_line_and_the_lines_within() -> None:
    first, second = read_script("-- the app's\n\nSELECT\n  1;/* and\n*/ SELECT 2,\n 3")

    assert (first.line, first.text) == (3, "SELECT\n  1")
    assert (second.line, second.text) == (5, "SELECT 2,\n 3")
    assert [first.line_of(n) for n in (1, 6, 7, 8, 10)] == [3, 3, 3, 4, 4]


def test_a_statement_is_shown_on_one_line_and_cut() -> None:
    assert Statement(text="GRANT\n  SELECT", line=1).shown == "GRANT SELECT"
    assert Statement(text="x" * 60, line=1).shown == "x" * 60
    assert Statement(text="x" * 61, line=1).shown == "x" * 59 + "…"


WHOLE = "all statements are one transaction, which begins and ends by itself; take it out"
ALONE = "PostgreSQL runs this in no transaction, and all statements here are one"

REFUSED = {
    "": "must have a statement; leave it out to run nothing",
    " ;; -- nothing\n/* at all */ ;": "must have a statement; leave it out to run nothing",
    "SELECT '\0'": "must have no NUL character",
    "SELECT 1;\nSELECT 'a": "line 2: the quote ' never ends",
    'SELECT\n"a': 'line 2: the quote " never ends',
    "SELECT E'a\\'": "line 1: the quote ' never ends",
    "DO\n$x$ BEGIN $$": "line 2: the quote $x$ never ends",
    "\n/* a /* b */": "line 2: the comment /* never ends",
    "\\i file.sql": "line 1: \\i file.sql: this is a command of psql, and no SQL; take it out",
    "SELECT 1;\n\ncommit": f"line 3: commit: {WHOLE}",
    "BEGIN": f"line 1: BEGIN: {WHOLE}",
    "START TRANSACTION": f"line 1: START TRANSACTION: {WHOLE}",
    "END": f"line 1: END: {WHOLE}",
    "ROLLBACK TO s": f"line 1: ROLLBACK TO s: {WHOLE}",
    "ABORT": f"line 1: ABORT: {WHOLE}",
    "SAVEPOINT s": f"line 1: SAVEPOINT s: {WHOLE}",
    "RELEASE s": f"line 1: RELEASE s: {WHOLE}",
    "PREPARE TRANSACTION 'x'": f"line 1: PREPARE TRANSACTION 'x': {WHOLE}",
    "VACUUM t": f"line 1: VACUUM t: {ALONE}; spec.refresh.vacuum does that",
    "CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)": "line 1: CREATE UNIQUE INDEX CONCURRENTLY i ON t (a): "
    f"{ALONE}; leave CONCURRENTLY out, or run it by hand",
    "DROP INDEX CONCURRENTLY i": f"line 1: DROP INDEX CONCURRENTLY i: {ALONE}; leave CONCURRENTLY out, or run it "
    "by hand",
    "REINDEX (VERBOSE) TABLE CONCURRENTLY t": f"line 1: REINDEX (VERBOSE) TABLE CONCURRENTLY t: {ALONE}; leave "
    "CONCURRENTLY out, or run it by hand",
    "COPY t FROM STDIN": "line 1: COPY t FROM STDIN: there is nobody to send rows or to take them; use INSERT, or a "
    "table",
    "COPY t TO STDOUT": "line 1: COPY t TO STDOUT: there is nobody to send rows or to take them; use INSERT, or a "
    "table",
}


@pytest.mark.parametrize("script", REFUSED)
def test_what_cannot_run_in_one_transaction_is_refused_by_its_line(script: str) -> None:
    with pytest.raises(BadScript) as refused:
        read_script(script)

    assert str(refused.value) == REFUSED[script]


ALLOWED = [
    "REFRESH MATERIALIZED VIEW CONCURRENTLY v",
    "PREPARE p AS SELECT 1",
    "COPY t FROM '/srv/t.csv'",
    "SET CONSTRAINTS ALL IMMEDIATE",
    "DO $$ BEGIN COMMIT; END $$",  # the server refuses it
    "CREATE VIEW v AS SELECT 1 AS concurrently, 2, 3",
    "(SELECT 1)",
    "\"commit\"",
]  # fmt: skip


@pytest.mark.parametrize("script", ALLOWED)
def test_what_only_looks_like_it_is_none_of_our_business(script: str) -> None:
    assert texts(script) == [script]
