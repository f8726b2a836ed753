"""Secrets reach nobody: not a hook, not the table of runs. And the report can always be kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from tests.listener import Listener
from tests.postgres.conftest import Sync

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal

SECRET = "0penSesame-7f3a"


def echo(secret: str) -> Fault:
    """A portal that quotes what it was sent."""
    fault = Fault.bare_error(400)
    assert fault.refusal is not None
    body = json.dumps({"code": "query.soql", "message": f"cannot serve {secret}; got: {secret!r}"})
    return replace(fault, refusal=replace(fault.refusal, body=body))


def runs(sync: Sync) -> str:
    """All that the bookkeeping keeps of runs, as text."""
    return str(sync.query("SELECT report, datasets FROM socratasync.runs"))


def test_a_token_that_the_portal_echoes_reaches_nobody(
    sync: Sync, portal: Portal, parks: Dataset, listener: Listener
) -> None:
    portal.app_tokens.add(SECRET)
    portal.add_dataset("tree-0001", [("name", "text")], [{"name": "oak"}])
    sync.spec["hooks"] = [{"url": f"{listener.url}/reset"}]
    sync.spec["target"]["provenance"] = True
    portal.faults.add(echo(SECRET), times=99, on="rows", dataset="tree-0001")

    report = sync.run(app_token=SECRET)

    assert {path for _, path, _, _ in listener.calls} == {"/reset"}
    told = json.dumps([body for _, _, _, body in listener.calls])
    for text in (told, runs(sync), json.dumps(report.as_dict()), str(report.failure)):
        assert SECRET not in text
    assert "cannot serve ***" in told
    assert "cannot serve ***" in runs(sync)


def test_a_token_with_a_blank_before_it_reaches_nobody(sync: Sync, parks: Dataset) -> None:
    report = sync.run(app_token=f" {SECRET}")

    assert not report.ok
    assert SECRET not in json.dumps(report.as_dict())


@pytest.mark.parametrize("password", ["hun@ter2x", "hun/ter2x@y", "p%40ss@word9"])
def test_a_password_that_is_taken_for_a_host_reaches_nobody(
    sync: Sync, parks: Dataset, password: str
) -> None:
    sync.dsn = f"postgresql://app:{password}@127.0.0.1:1/db"

    report = sync.run()

    told = json.dumps(report.as_dict())
    assert not report.ok
    for part in (password, *password.replace("/", "@").split("@")):
        if len(part) > 3:
            assert part not in told


# -- the report can always be kept --------------------------------------------------------------


@contextmanager
def database_in(server: str, encoding: str) -> Iterator[str]:
    """A fresh database in this encoding."""
    name = f"test_masking_{encoding.lower()}"
    with psycopg.connect(server, autocommit=True) as admin:
        made = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING {} LOCALE 'C'")
        admin.execute(made.format(sql.Identifier(name), encoding))
        try:
            yield make_conninfo(server, dbname=name)
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.mark.parametrize("encoding", ["UTF8", "LATIN1", "SQL_ASCII"])
@pytest.mark.parametrize("said", ["a\x00b", "\ud83d!", "ü \u2019 漢 \U0001f600", "plain"])
def test_a_report_is_kept_whatever_is_in_it_and_whatever_the_database_holds(
    sync: Sync, portal: Portal, parks: Dataset, server: str, encoding: str, said: str
) -> None:
    portal.faults.add(echo(said), times=99, on="rows")
    with database_in(server, encoding) as dsn:
        sync.dsn = dsn
        report = sync.run()
        kept: dict[str, Any] = sync.query("SELECT ok, report FROM socratasync.runs")[0]

    assert report.failure is not None
    assert report.failure.reason == "InvalidQuery"
    assert kept["ok"] is False
    message = kept["report"]["error"]["message"]
    if encoding == "UTF8":
        assert message == report.as_dict()["error"]["message"]
    else:
        assert message.isascii()


REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'no more runs' USING ERRCODE = '22000'; END $$;
CREATE TRIGGER refuse BEFORE UPDATE ON socratasync.runs FOR EACH ROW
WHEN (NEW.report IS NOT NULL) EXECUTE FUNCTION refuse()
"""


def test_a_report_that_cannot_be_kept_does_not_hide_what_failed(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    sync.well()
    sync.query(REFUSE)
    portal.faults.add(Fault.status(503), times=None, on="rows")

    report = sync.run(mode="full")

    assert report.exit_code == 75
    assert any("could not be recorded" in warning for warning in report.warnings)


def test_a_good_run_that_cannot_be_kept_says_so(sync: Sync, parks: Dataset) -> None:
    sync.well()
    sync.query(REFUSE)

    report = sync.run()

    assert report.exit_code == 65
    assert "no more runs" in report.as_dict()["error"]["message"]
