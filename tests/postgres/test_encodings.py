"""Databases of other encodings than UTF8: loaded into, or refused before anything is written."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from tests.postgres.conftest import PARKS, Sync
from tests.postgres.test_masking import database_in

from socrata_simulator.portal.dataset import Dataset
from socratasync.api.source import DatasetSpec
from socratasync.errors import SyncError
from socratasync.pipeline.target import adoptions
from socratasync.pipeline.target.adoptions import Adoption
from socratasync.pipeline.target.bookkeeping import Ledger
from socratasync.pipeline.target.connection import Connections


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "EUC_JP"])
def test_letters_that_the_encoding_has_are_loaded_into_names_and_rows(
    sync: Sync, parks: Dataset, server: str, encoding: str
) -> None:
    parks.insert({"name": "Müllerwiese", "acres": 7})
    sync.spec["target"]["fields"] = {"name": "", "größe": "numeric"}
    sync.spec["datasets"] = [
        {"id": PARKS, "columns": {"größe": "acres"}, "where": "name <> 'Löschteich'"}
    ]
    with database_in(server, encoding) as dsn:
        sync.dsn = dsn
        assert sync.one().rows.inserted == 6
        again = sync.one()
        assert (again.mode, again.rows.changed) == ("update", 0), (
            "what it remembers is what it reads"
        )
        parks.update(parks.find(name="Müllerwiese"), acres=8)
        updated = sync.one().rows.updated
        with psycopg.connect(dsn, client_encoding="UTF8") as connection:
            rows = connection.execute("SELECT name, größe FROM parks WHERE größe > 7").fetchall()

    assert updated == 1
    assert rows == [("Müllerwiese", 8)]


REFUSED = [
    # encoding, what is written, what is said of it
    (
        "LATIN1",
        {"where": "name <> '10 €'"},
        "spec.datasets[0].where: the database, whose encoding is LATIN1",
    ),
    ("LATIN1", {"columns": {"€": "acres"}}, "spec.datasets[0].columns[€]: the database"),
    ("EUC_JP", {"columns": {"acres_🌳": "acres"}}, 'has not all letters of "acres_🌳"'),
    ("MULE_INTERNAL", {}, "Load into a database of encoding UTF8"),
]


@pytest.mark.parametrize(("encoding", "dataset", "said"), REFUSED)
def test_letters_that_the_encoding_lacks_are_refused_by_plan_and_run_and_nothing_is_made(
    sync: Sync, parks: Dataset, server: str, encoding: str, dataset: dict[str, Any], said: str
) -> None:
    sync.spec["datasets"] = [{"id": PARKS, **dataset}]
    with database_in(server, encoding) as dsn:
        sync.dsn = dsn
        with pytest.raises(SyncError) as planned:
            sync.plan(sync.request(), sync.options)
        report = sync.run()
        with psycopg.connect(dsn, client_encoding="SQL_ASCII") as connection:
            made = connection.execute("SELECT FROM pg_namespace WHERE nspname = 'socratasync'")
            assert made.rowcount == 0

    assert planned.value.exit_code == report.exit_code == 78
    assert report.failure is not None
    assert said in planned.value.message
    assert said in report.failure.message


@pytest.mark.parametrize(
    ("index", "path"),
    [
        ({"columns": ["acres", "€"]}, "columns"),
        ({"columns": ["acres"], "where": "name <> '10 €'"}, "where"),
        ({"columns": ["acres"], "name": "€"}, "name"),
    ],
)
def test_an_index_with_letters_that_the_encoding_lacks_is_refused_before_rows_come(
    sync: Sync, parks: Dataset, server: str, index: dict[str, Any], path: str
) -> None:
    sync.spec["target"]["indexes"] = [{"columns": ["opened"], "name": "größe"}, index]
    with database_in(server, "LATIN1") as dsn:
        sync.dsn = dsn
        report = sync.run()
        with pytest.raises(SyncError) as refused:
            sync.plan(sync.request(), sync.options)

    assert report.exit_code == 78
    assert report.as_dict()["error"]["message"] == refused.value.message
    assert refused.value.message.startswith(f"spec.target.indexes[1].{path}: the database, whose")
    assert sync.pages() == []


@pytest.mark.parametrize("encoding", ["UTF8", "LATIN1", "SQL_ASCII", "EUC_JP"])
def test_a_dataset_whose_name_has_letters_that_the_encoding_lacks_is_loaded_and_adopted(
    sync: Sync, parks: Dataset, server: str, encoding: str
) -> None:
    parks.name = "10 € 🌳"
    with database_in(server, encoding) as dsn:
        sync.dsn = dsn
        assert sync.one().rows.inserted == 5
        with Connections(dsn).connect() as connection:
            known = Ledger(connection, "public.parks", "").known()[PARKS].name
            adopted = Adoption(dataset=DatasetSpec(id=PARKS), name="10 € 🌳")
            adoptions.record(connection, "public.parks", "run", adopted)
            (found,) = adoptions.read(connection, "public.parks")

    name = "10 € 🌳" if encoding == "UTF8" else "10 \\u20ac \\U0001f333"
    assert (known, found.name) == (name, name)
