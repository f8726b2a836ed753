"""What PostgreSQL's refusals lead to: by SQLSTATE, in whatever language they are said."""

from __future__ import annotations

from random import Random

import pytest
from psycopg.errors import lookup
from tests.conftest import Connection
from tests.postgres.conftest import Sync
from tests.postgres.refusing import refusing

from socrata_simulator.portal.dataset import Dataset
from socratasync import errors
from socratasync.errors import SyncError
from socratasync.pipeline.target.connection import Connections
from socratasync.pipeline.target.refusals import REFUSALS, translated

# -- every class of Appendix A, and the states that differ from their class ----------------------------

STATES = [
    # state   what it is                                      error                exit code
    ("03000", "statement not yet complete", "TargetMismatch", 78),
    ("08006", "connection failure", "TargetUnavailable", 75),
    ("08P01", "protocol violation, as poolers say", "TargetUnavailable", 75),
    ("0A000", "not supported", "TargetMismatch", 78),
    ("0P000", "no such role", "TargetMismatch", 78),
    ("21000", "a row twice in one statement", "TargetMismatch", 78),
    ("22001", "text too long", "BadValue", 65),
    ("22003", "number out of range", "BadValue", 65),
    ("22P02", "not a number", "BadValue", 65),
    ("22P05", "no such character in the database's encoding", "BadValue", 65),
    ("23502", "not null", "BadValue", 65),
    ("23503", "foreign key", "BadValue", 65),
    ("23505", "unique", "BadValue", 65),
    ("23514", "check", "BadValue", 65),
    ("23P01", "exclusion", "BadValue", 65),
    ("25001", "in a transaction block", "TargetMismatch", 78),
    ("25006", "read only", "TargetUnavailable", 75),
    ("25P03", "idle in a transaction for too long", "TargetUnavailable", 75),
    ("25P04", "a transaction for too long", "TargetUnavailable", 75),
    ("26000", "no such prepared statement", "TargetMismatch", 78),
    ("27000", "a trigger changed the row meanwhile", "BadValue", 65),
    ("28000", "no such role, or no rule in pg_hba.conf", "PermissionDenied", 77),
    ("28P01", "wrong password", "PermissionDenied", 77),
    ("2BP01", "something depends on it", "TargetMismatch", 78),
    ("38000", "a function of theirs", "TargetMismatch", 78),
    ("3D000", "no such database", "TargetMismatch", 78),
    ("3F000", "no such schema", "TargetMismatch", 78),
    ("40001", "serialization failure", "TargetBusy", 75),
    ("40P01", "deadlock", "TargetBusy", 75),
    ("40003", "unknown whether it committed", "TargetUnavailable", 75),
    ("42501", "no right", "PermissionDenied", 77),
    ("42703", "no such column", "TargetMismatch", 78),
    ("42P01", "no such table", "TargetMismatch", 78),
    ("44000", "not within the view's condition", "BadValue", 65),
    ("53100", "disk full", "TargetUnavailable", 75),
    ("53200", "out of memory", "TargetUnavailable", 75),
    ("53300", "too many connections", "TargetUnavailable", 75),
    ("54000", "a row, or an index row, too large", "BadValue", 65),
    ("54001", "statement too complex", "TargetMismatch", 78),
    ("54011", "too many columns", "TargetMismatch", 78),
    ("54023", "too many arguments", "TargetMismatch", 78),
    ("55000", "not in the state for it", "TargetMismatch", 78),
    ("55006", "in use", "TargetBusy", 75),
    ("55P03", "locked by others", "TargetBusy", 75),
    ("57014", "cancelled", "TargetUnavailable", 75),
    ("57P01", "the server is shut down", "TargetUnavailable", 75),
    ("57P03", "the server starts up", "TargetUnavailable", 75),
    ("58030", "an I/O error", "TargetUnavailable", 75),
    ("72000", "snapshot too old", "TargetBusy", 75),
    ("F0000", "the server's configuration", "TargetUnavailable", 75),
    ("HV000", "a foreign server", "TargetMismatch", 78),
    ("P0001", "a trigger of theirs raised it", "TargetMismatch", 78),
    ("XX000", "PostgreSQL's own fault", "TargetUnavailable", 75),
    ("XX001", "data damaged", "TargetMismatch", 78),
    ("XX002", "index damaged", "TargetMismatch", 78),
]


def test_every_state_leads_to_what_happens_next(connection: Connection) -> None:
    """One after the other, as PostgreSQL raises them: a case for each would take a database each."""
    raising = "DO $$BEGIN RAISE EXCEPTION USING ERRCODE = {}, MESSAGE = 'Wörter'; END$$"
    ended = []
    for state, meaning, *_ in STATES:
        statement = raising.replace("{}", f"'{state}'")
        with pytest.raises(SyncError) as caught, translated():
            connection.execute(statement.encode())
        assert "Wörter" in caught.value.message
        ended.append((state, meaning, caught.value.reason, caught.value.exit_code))

    assert ended == STATES


def test_the_table_above_has_every_row_of_the_products() -> None:
    states = [state for state, *_ in STATES]

    assert [row for row in REFUSALS if not any(state.startswith(row) for state in states)] == []
    for state in states:
        if not state.startswith(("F0", "HV", "72")) and not state.endswith("000"):
            assert lookup(state).sqlstate == state, "PostgreSQL has such a state"


# -- connections that are never made -----------------------------------------------------------------------

LOGINS = [
    # state, the German server's words, reason, what to do
    (
        "28P01",
        "Passwort-Authentifizierung für Benutzer »clerk« fehlgeschlagen",
        "PermissionDenied",
        "Check the DSN's user and password",
    ),
    (
        "28000",
        "kein pg_hba.conf-Eintrag für Host »10.0.0.7«, Benutzer »clerk«, Datenbank »civic«",
        "PermissionDenied",
        "Check the DSN's user and password",
    ),
    ("3D000", "Datenbank »civic« existiert nicht", "TargetMismatch", "Create the database"),
    (
        "42501",
        "keine Berechtigung für Datenbank »civic«",
        "PermissionDenied",
        "GRANT CONNECT ON DATABASE",
    ),
    (
        "53300",
        "tut mir leid, schon zu viele Verbindungen",
        "TargetUnavailable",
        "PostgreSQL is not available",
    ),
    (
        "57P03",
        "das Datenbanksystem startet",
        "TargetUnavailable",
        "PostgreSQL is not available",
    ),
]


@pytest.mark.parametrize(("state", "words", "reason", "way"), LOGINS)
def test_a_login_is_refused_for_the_same_reason_in_every_language(
    state: str, words: str, reason: str, way: str
) -> None:
    fields = {"S": "FATAL", "V": "FATAL", "C": state, "M": words, "F": "auth.c", "L": "1"}
    with refusing({**fields, "S": "SCHWERWIEGEND"}) as port:
        dsn = f"host=127.0.0.1 port={port} user=clerk password=geheim dbname=civic"

        with pytest.raises(SyncError) as caught, Connections(dsn).connect():
            pass

    assert caught.value.reason == reason
    assert words in caught.value.message
    assert way in caught.value.message
    assert "geheim" not in caught.value.message
    assert getattr(errors, reason).exit_code == caught.value.exit_code


# -- rows that the table refuses --------------------------------------------------------------------


CONSTRAINTS = [
    ("CHECK (seats < 5)", "trees_seats_check", "the row whose tree is T-7: "),
    ("NOT NULL", '"seats" of relation "trees"', "the row whose tree is T-8: "),
    ("REFERENCES sizes (seats)", "trees_seats_fkey", "Key (seats)=(9)"),
    ("UNIQUE", "trees_seats_key", "Key (seats)=(9)"),
]


@pytest.mark.parametrize(("constraint", "name", "row"), CONSTRAINTS)
def test_a_row_that_the_table_refuses_is_told_with_dataset_constraint_and_key(
    sync: Sync, constraint: str, name: str, row: str
) -> None:
    sync.portal.add_dataset(
        "tree-0001",
        (("kind", "text"), ("tree", "text"), ("seats", "number")),
        (
            {"kind": "oak", "tree": "T-1", "seats": 1},
            {"kind": "elm" * 200, "tree": "T-7", "seats": 9},
            {"kind": "elm" * 200, "tree": "T-8", "seats": None},
        ),
    )
    sync.spec["target"].update(table="trees", key=["tree"])
    sync.query("CREATE TABLE sizes (seats numeric PRIMARY KEY)")
    sync.query("INSERT INTO sizes VALUES (1), (2)")
    sync.query(f"CREATE TABLE trees (kind text, tree text PRIMARY KEY, seats numeric {constraint})")
    if constraint == "UNIQUE":
        sync.query("INSERT INTO trees VALUES ('ash', 'T-0', 9)")

    report = sync.run()

    assert report.exit_code == 65
    assert report.failure is not None
    for told in ("dataset tree-0001", name, row, "public.trees"):
        assert told in report.failure.message


def test_a_row_that_is_refused_in_a_reset_is_told_likewise_and_nothing_is_replaced(
    sync: Sync, parks: Dataset
) -> None:
    sync.well()
    sync.query("ALTER TABLE parks ADD CHECK (acres < 100)")
    parks.insert({"name": "wide", "acres": 640})
    sync.spec["target"]["reset"] = True

    report = sync.run(mode="full")

    assert report.exit_code == 65
    assert report.failure is not None
    assert "dataset park-0001, the row whose name is wide: " in report.failure.message
    assert len(sync.table("parks", key="name")) == 5


def test_a_row_that_is_too_large_to_be_indexed_is_a_bad_value(sync: Sync) -> None:
    """PostgreSQL's class of limits counts as operational with the driver, and no other try would help."""
    incompressible = Random(7).randbytes(20_000).hex()
    sync.portal.add_dataset("tree-0001", (("tree", "text"),), ({"tree": incompressible},))
    sync.spec["target"].update(table="trees", key=["tree"])

    report = sync.run()

    assert report.exit_code == 65
    assert report.failure is not None
    assert "dataset tree-0001: a row is larger than PostgreSQL can" in report.failure.message
