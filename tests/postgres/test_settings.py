"""Settings of roles and databases: each is set otherwise, refused by its name, or harmless, and tried."""

from __future__ import annotations

import itertools
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from psycopg import sql
from psycopg.conninfo import make_conninfo
from tests.postgres.conftest import Sync
from tests.postgres.role_settings import (
    HARMLESS,
    HOSTILE_TO_OURS,
    NOT_FOR_ROLES,
    OURS,
    OURS_OVER_TCP,
    SPARED,
    WORST,
)
from typer.testing import CliRunner

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.portal import Portal
from socratasync.cli.app import app
from socratasync.errors import TargetMismatch, TargetUnavailable
from socratasync.pipeline.preview import find
from socratasync.pipeline.target import session
from socratasync.pipeline.target.connection import Connections

SETTABLE = (
    "SELECT name, vartype, boot_val, min_val, enumvals, setting FROM pg_settings WHERE context IN"
    " ('user', 'superuser') AND name NOT LIKE '%.%'"
)


@dataclass(frozen=True, slots=True)
class Role:
    """A role of the test's own, and the database entered as it."""

    name: str
    dsn: str
    admin: psycopg.Connection[Any]

    def has(self, settings: Mapping[str, str]) -> None:
        """``ALTER ROLE … SET``, as far as this server has such settings."""
        for name, value in settings.items():
            self.alter("ALTER ROLE {role} SET {setting} = {value}", name, value)

    def alter(self, statement: str, name: str, value: str) -> None:
        """The statement, with whatever of role, database, setting and value is in it."""
        database = self.admin.info.dbname
        words = {"role": self.name, "database": database, "setting": name}
        named = {word: sql.Identifier(*text.split(".")) for word, text in words.items()}
        # Lists are lists of names: quoted as one, they would be one name.
        given = sql.SQL(", ").join(sql.Literal(part) for part in value.split(", "))
        self.admin.execute(sql.SQL(statement).format(**named, value=given))


@pytest.fixture
def role(dsn: str) -> Iterator[Role]:
    """A superuser, since others may not have every setting."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN SUPERUSER").format(sql.Identifier(name)))
        try:
            yield Role(name, make_conninfo(dsn, user=name), admin)
        finally:
            admin.execute(
                sql.SQL("DROP OWNED BY {0} CASCADE; DROP ROLE {0}").format(sql.Identifier(name))
            )


def settable(role: Role) -> dict[str, dict[str, Any]]:
    """The settings of this server that a role may have, by name."""
    answer = role.admin.execute(SETTABLE)
    assert answer.description is not None
    columns = [column.name for column in answer.description]
    return {row[0]: dict(zip(columns, row, strict=True)) for row in answer}


def known() -> dict[str, str]:
    """Every setting of the tables, as PostgreSQL compares names, with the table it is in."""
    tables = {
        "ours": {*OURS, *OURS_OVER_TCP},
        "refused": session.REFUSED,
        "harmless": HARMLESS,
        "not for roles": NOT_FOR_ROLES,
    }
    found: dict[str, str] = {}
    for table, names in tables.items():
        for name in names:
            assert found.setdefault(name.lower(), table) == table, f"{name} is in two tables"
    return found


def test_every_setting_that_a_role_may_have_was_thought_about(role: Role) -> None:
    undecided = {name for name in settable(role) if name.lower() not in known()}

    assert undecided == set()


def test_everything_that_we_set_is_tried_at_a_hostile_value() -> None:
    assert set(HOSTILE_TO_OURS) == set(OURS)


# -- ours, and harmless ---------------------------------------------------------------------------------


def worst(setting: dict[str, Any]) -> str | None:
    """A value that a harmless setting does not usually have; None where there is none."""
    name, kind = setting["name"], setting["vartype"]
    if name in WORST:
        return WORST[name]
    if kind == "bool":
        return "off" if setting["boot_val"] == "on" else "on"
    if kind == "enum":
        others = [value for value in setting["enumvals"] if value != setting["boot_val"]]
        return others[-1] if others else None
    assert kind in ("integer", "real"), f"{name} needs a value in WORST, or a reason in SPARED"
    return str(setting["min_val"])


def make_hostile(role: Role) -> None:
    """The role has everything that no run may mind, at once."""
    role.admin.execute("CREATE ACCESS METHOD another TYPE TABLE HANDLER heap_tableam_handler")
    there = settable(role)
    tried = {name: worst(there[name]) for name in HARMLESS if name in there and name not in SPARED}
    role.has({name: value for name, value in tried.items() if value is not None})
    lower = {name.lower() for name in there} | {"plpgsql.extra_errors"}
    role.has({name: value for name, value in HOSTILE_TO_OURS.items() if name in lower})


def test_a_session_is_ours_whatever_its_role_has(role: Role) -> None:
    make_hostile(role)

    with Connections(role.dsn).connect() as connection:
        values = {
            name: connection.execute("SELECT current_setting(%s, true)", [name]).fetchone()
            for name in OURS
        }

    there = {name.lower() for name in settable(role)} | {"plpgsql.extra_errors"}
    assert {n: v for n, v in values.items() if n in there} == {
        name: (value,) for name, value in OURS.items() if name in there
    }


def test_what_only_reads_is_kept_from_writing_by_the_server(server: str) -> None:
    with (
        pytest.raises(TargetUnavailable, match="only reads"),
        Connections(server).connect(read_only=True) as connection,
    ):
        connection.execute("CREATE TABLE made_by_a_reader ()")


CELLS = [
    # (column, Socrata type, type in PostgreSQL, value, text in PostgreSQL: all but the last depend on settings)
    ("span", "text", "interval", "-1 2:03:04", "-1 days +02:03:04"),
    ("cash", "text", "money", "1,234.56", "$1,234.56"),
    ("names", "text", "text[]", "{a,NULL}", "{a,NULL}"),
    ("at", "text", "timestamptz", "2024-07-02 03:04 IST", "2024-07-02 01:04:00+00"),
    ("day", "text", "date", "2/3/2024", "2024-02-03"),
    ("size", "text", "double precision", "0.1", "0.1"),
    ("bytes", "text", "bytea", "\\x00ff", "\\x00ff"),
    ("said", "text", "text", "a\\b 'c' ñ", "a\\b 'c' ñ"),
]


def many_types(portal: Portal, sync: Sync) -> list[Dataset]:
    """Two datasets with a key in common, of values that settings tell how to read; two rows have one that
    cannot be read at all."""
    columns = [("name", "text"), ("acres", "number"), *((c[0], c[1]) for c in CELLS)]
    values = {cell[0]: cell[3] for cell in CELLS}
    datasets = [
        portal.add_dataset(
            id, columns, [{"name": f"{id}-{n}", "acres": n, **values} for n in range(8)]
        )
        for id in ("park-0001", "park-0002")
    ]
    for dataset in datasets:
        dataset.insert({"name": "shared", "acres": 1, **values})
        dataset.insert({"name": f"bad-{dataset.ids()[0]}", "acres": 1, **values, "size": "large"})
    types = {"name": "text", "acres": "numeric", **{cell[0]: cell[2] for cell in CELLS}}
    target = {"table": "parks", "key": ["name"], "fields": types, "onBadValue": "Null"}
    sync.spec["target"] = {"dsnSecretRef": {"name": "db"}, **target}
    sync.spec["source"] = {"pageSize": 7, "timeZone": "Etc/UTC"}
    sync.spec["refresh"] = {"materializedViews": ["public.totals"]}
    return datasets


def test_runs_of_a_role_with_hostile_settings_load_what_the_source_has(
    sync: Sync, portal: Portal, role: Role
) -> None:
    """Every setting that is ours or harmless, all at once, at every step of a table's life."""
    datasets = many_types(portal, sync)
    make_hostile(role)

    for mode in ("update", "prune", "reset"):
        sync.spec["target"] |= {"prune": mode == "prune", "reset": mode == "reset"}
        sync.dsn = role.dsn
        report = sync.well(mode="update" if mode == "update" else "full")
        sync.dsn = sync.owner_dsn

        assert [d.bad_values.found for d in report.datasets] == [1, 1]
        assert_loaded(sync, datasets)
        sync.query(
            "CREATE MATERIALIZED VIEW IF NOT EXISTS totals AS SELECT sum(acres) AS acres FROM parks"
        )
        datasets[0].update(datasets[0].ids()[0], acres=100)
        datasets[1].delete(datasets[1].ids()[0])
    assert sync.query(
        "SELECT amname FROM pg_class c JOIN pg_am a ON a.oid = relam WHERE relname = 'parks'"
    ) == [{"amname": "heap"}]


def assert_loaded(sync: Sync, datasets: list[Dataset]) -> None:
    """The table has the source's rows, and of every cell that can be read the one text that it means."""
    values = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(c[0])) for c in CELLS)
    found = sync.query(sql.SQL("SELECT name, acres::text, {} FROM parks").format(values))
    source = {row["name"]: row["acres"] for dataset in datasets for row in dataset.rows()}
    texts = {(c[0], row[c[0]]) for row in found if "bad" not in row["name"] for c in CELLS}

    assert {row["name"]: row["acres"] for row in found} == source
    assert texts == {(cell[0], cell[4]) for cell in CELLS}


def test_a_role_may_act_as_another(sync: Sync, parks: Dataset, role: Role) -> None:
    """Many teams have it so that every member's tables belong to the team."""
    with psycopg.connect(sync.dsn) as admin:
        team = f"{role.name}_team"
        admin.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(team)))
        admin.execute(
            sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(
                sql.Identifier(admin.info.dbname), sql.Identifier(team)
            )
        )
        admin.execute(sql.SQL("GRANT ALL ON SCHEMA public TO {}").format(sql.Identifier(team)))
        admin.commit()
        role.has({"role": team})
        sync.dsn = role.dsn

        sync.well()

        owner = admin.execute("SELECT tableowner FROM pg_tables WHERE tablename = 'parks'")
        assert owner.fetchone() == (team,)
        admin.execute(
            sql.SQL("DROP OWNED BY {0} CASCADE; DROP ROLE {0}").format(sql.Identifier(team))
        )


# -- refused ---------------------------------------------------------------------------------------------

HOSTILE = {
    "default_transaction_read_only": "on",
    "session_replication_role": "replica",
    "zero_damaged_pages": "on",
    "ignore_checksum_failure": "on",
}
PLACES = [
    "ALTER ROLE {role} SET {setting} = {value}",
    "ALTER ROLE {role} IN DATABASE {database} SET {setting} = {value}",
    "ALTER DATABASE {database} SET {setting} = {value}",
]


def refused(plan: Callable[[], Any]) -> str:
    with pytest.raises(TargetMismatch) as caught:
        plan()
    return caught.value.message


def test_every_refused_setting_is_tried() -> None:
    assert set(HOSTILE) == set(session.REFUSED)


def test_a_setting_that_no_run_can_load_under_is_refused_until_the_sentence_is_heeded(
    sync: Sync, role: Role
) -> None:
    """In one database for all of them."""
    spec = a_spec(sync)
    for name, place in itertools.product(HOSTILE, PLACES):
        role.alter(place, name, HOSTILE[name])

        said = refused(lambda: find(Connections(role.dsn), spec))

        assert f"the session's {name} is {HOSTILE[name]}: {session.REFUSED[name].why}" in said
        found = re.search(r"an administrator runs: (ALTER .*)$", said)
        assert found, said
        role.admin.execute(found[1])
        assert not find(Connections(role.dsn), spec).state.target.exists


def a_spec(sync: Sync) -> Any:
    sync.spec["datasets"] = [{"id": "park-0001"}]
    return sync.request().spec


def test_a_run_is_refused_with_78_and_writes_nothing(
    sync: Sync, parks: Dataset, role: Role
) -> None:
    before = sync.catalog()
    role.has({"default_transaction_read_only": "on"})
    sync.dsn = role.dsn

    report = sync.run()

    assert (report.exit_code, report.as_dict()["error"]["reason"]) == (78, "TargetMismatch")
    sync.dsn = sync.owner_dsn
    assert sync.catalog() == before


def test_an_option_of_the_dsn_is_named_as_such(sync: Sync) -> None:
    dsn = make_conninfo(sync.dsn, options="-c default_transaction_read_only=on")

    said = refused(lambda: find(Connections(dsn), a_spec(sync)))

    assert said.endswith("Take it out of the options of the DSN, or of the pooler")


def test_a_setting_of_the_server_itself_is_set_otherwise_for_the_role() -> None:
    way = session.way_out("configuration file", "zero_damaged_pages", role="l", database="d")

    assert way.as_string() == 'ALTER ROLE "l" SET "zero_damaged_pages" = \'off\''


def test_status_is_shown_to_a_role_that_only_reads(
    sync: Sync, parks: Dataset, role: Role, tmp_path: Path
) -> None:
    sync.well()
    role.has({"default_transaction_read_only": "on"})
    manifest = tmp_path / "manifest.yaml"
    manifest.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "socratasync.dev/v1alpha1",
                "kind": "SocrataSync",
                "metadata": {"name": "parks", "namespace": "data"},
                "spec": yaml.safe_load(sync.request().spec.to_json()),
            }
        )
    )

    shown = CliRunner().invoke(
        app, ["status", "-f", str(manifest)], env={"SOCRATASYNC_DSN": role.dsn}
    )

    assert shown.exit_code == 0
    assert "public.parks" in shown.output


# -- what a platform lacks --------------------------------------------------------------------------------


def test_a_server_that_cannot_look_after_its_connections_is_loaded_all_the_same(
    server: str,
) -> None:
    """No server takes such a time for its socket: as if it lacked the setting."""
    with psycopg.connect(server, autocommit=True) as connection:
        session.prepare(connection, {"lock_timeout": "7s"}, silence_s=5e6)

        values = [
            connection.execute("SELECT current_setting(%s)", [name]).fetchone()
            for name in ("lock_timeout", "exit_on_error", "client_connection_check_interval")
        ]

    assert values == [("7s",), ("off",), ("833333s",)]
