"""One manifest, one portal, one database: set up, spoilt, run by the real command, looked at."""

from __future__ import annotations

import copy
import json
import logging
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row
from tests.interfaces import Interface, with_api

from socrata_simulator.http.server import Server
from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.portal import Portal
from socratasync.cli.main import main

DATASET = "bads-0001"
COLUMNS = (
    ("srnumber", "text"),
    ("status", "text"),
    ("houses", "number"),
    ("updateddate", "calendar_date"),
)
ROWS = tuple(
    {
        "srnumber": f"1-{n}",
        "status": "Open",
        "houses": n,
        "updateddate": f"2024-01-{n + 1:02d}T00:00:00.000",
    }
    for n in range(9)
)

PASSWORD = "pass-w0rd'with\"all/of@it"
SECRETS = {
    "SOCRATASYNC_APP_TOKEN": "secret-app-token",
    "SOCRATASYNC_USERNAME": "secret-account",
    "SOCRATASYNC_PASSWORD": "secret-account-password",
    "SOCRATASYNC_NOTIFY_0": "https://127.0.0.1:1/secret-webhook",
}
QUICKLY = {
    "SOCRATASYNC_ATTEMPTS": "3",
    "SOCRATASYNC_FIRST_WAIT": "0.001",
    "SOCRATASYNC_LOCK_WAIT": "0.2",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How the command ended: its exit code and all that it printed."""

    exit_code: int
    output: str
    messages: str

    @property
    def report(self) -> dict[str, Any]:
        """The report on standard output."""
        report: dict[str, Any] = json.loads(self.output)
        return report

    @property
    def error(self) -> str:
        """``Reason: message`` of what failed, or what a wrong command line was told."""
        if not self.output:
            return self.messages
        error = self.report["error"] or {}
        return f"{error.get('reason')}: {error.get('message')}"


@dataclass(slots=True)
class Scene:
    """What a bad input is made from: change anything, then ``run``."""

    portal: Portal
    server: Server
    database: str
    folder: Path
    interface: Interface
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    manifest: dict[str, Any] = field(init=False)
    text: str | bytes | None = None
    """The manifest's file instead of ``manifest``."""
    arguments: list[str] = field(default_factory=list)
    environ: dict[str, str] = field(default_factory=dict)
    roles: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.portal.add_dataset(DATASET, COLUMNS, ROWS)
        self.environ = {
            **QUICKLY,
            "SOCRATASYNC_DSN": make_conninfo(self.database, password=PASSWORD),
            "SOCRATASYNC_DATA": str(self.folder / "data"),
        }
        self.manifest = {
            "apiVersion": "socratasync.dev/v1alpha1",
            "kind": "SocrataSync",
            "metadata": {"name": "bad-input"},
            "spec": {
                "domain": self.server.domain,
                "datasets": [{"id": DATASET}],
                "mode": "update",
                "target": {
                    "dsnSecretRef": {"name": "db"},
                    "table": "requests",
                    "key": ["srnumber"],
                },
            },
        }

    # -- what may be changed ---------------------------------------------------------------------

    @property
    def dataset(self) -> Dataset:
        """The dataset at the source."""
        return self.portal[DATASET]

    @property
    def spec(self) -> dict[str, Any]:
        """The manifest's spec."""
        spec: dict[str, Any] = self.manifest["spec"]
        return spec

    @property
    def target(self) -> dict[str, Any]:
        """The manifest's spec.target."""
        target: dict[str, Any] = self.spec["target"]
        return target

    def set(self, **changes: Any) -> None:
        """Fields of the spec."""
        self.spec.update(changes)

    def give(self, *names: str, **others: str) -> None:
        """Secrets, by their variables: the usual values, or others."""
        self.environ.update({name: SECRETS[name] for name in names})
        self.environ.update(others)

    def as_role(self, name: str, options: str = "LOGIN") -> str:
        """Connect as another role, made for this test; returns what it is called."""
        role = f"{name}_{uuid.uuid4().hex[:12]}"
        self.execute(f'CREATE ROLE "{role}" {options}')
        self.environ["SOCRATASYNC_DSN"] = make_conninfo(self.database, user=role, password=PASSWORD)
        self.roles.append(role)
        return role

    def drop_roles(self) -> None:
        """Roles belong to the whole server: they must not outlive the test."""
        for role in self.roles:
            self.execute(f'DROP OWNED BY "{role}" CASCADE', f'DROP ROLE "{role}"')

    def execute(self, *statements: str) -> None:
        """As an administrator, in the target database."""
        with psycopg.connect(self.database, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def query(self, statement: str) -> list[dict[str, Any]]:
        """All rows of a statement's answer."""
        with psycopg.connect(self.database, autocommit=True, row_factory=dict_row) as connection:
            return connection.execute(statement).fetchall()

    # -- the run ---------------------------------------------------------------------------------

    def run(self) -> Ended:
        """``socratasync run -f FILE -o json``, in this process."""
        file = self.folder / "manifest.yaml"
        given = yaml.safe_dump(self._by_interface()) if self.text is None else self.text
        file.write_bytes(given.encode() if isinstance(given, str) else given)
        for name, value in self.environ.items():
            self.monkeypatch.setenv(name, value)
        arguments = ["socratasync", "run", "-f", str(file), "-o", "json", *self.arguments]
        self.monkeypatch.setattr(sys, "argv", arguments)
        root = logging.getLogger()
        handlers, level = root.handlers[:], root.level
        self.capsys.readouterr()
        try:
            with pytest.raises(SystemExit) as exit_:
                main()
        finally:
            root.handlers[:] = handlers
            root.setLevel(level)
        output, messages = self.capsys.readouterr()
        code = exit_.value.code
        assert isinstance(code, int)
        return Ended(exit_code=code, output=output, messages=messages)

    def _by_interface(self) -> dict[str, Any]:
        """The manifest, read by the test's interface; as it is where it has no place to say so."""
        match self.manifest:
            case {"spec": dict() as spec} if isinstance(source := spec.get("source", {}), dict):
                return {
                    **self.manifest,
                    "spec": {**spec, "source": with_api(source, self.interface)},
                }
        return self.manifest

    def well(self) -> None:
        """A run that must go well, before something is spoilt."""
        ended = self.run()
        assert ended.exit_code == 0, ended

    def every_secret(self) -> list[str]:
        """What must show nowhere."""
        return [PASSWORD, *(v for v in SECRETS.values() if v in self.environ.values())]

    # -- what is there ---------------------------------------------------------------------------

    def holdings(self, *, bookkeeping: bool) -> Mapping[str, Any]:
        """Every relation with its columns, owner and rows; ``socratasync``'s own if wanted."""
        with psycopg.connect(self.database, autocommit=True) as connection:
            relations = connection.execute(_RELATIONS, [bookkeeping]).fetchall()
            rows = {}
            for schema, name, kind, *_ in relations:
                if kind in ("r", "m") and schema != "socratasync":
                    table = sql.Identifier(schema, name)
                    query = sql.SQL("SELECT t::text, xmin::text FROM {} t ORDER BY 1").format(table)
                    rows[f"{schema}.{name}"] = connection.execute(query).fetchall()
        return copy.deepcopy({"relations": relations, "rows": rows})

    def left_open(self) -> list[tuple[Any, ...]]:
        """The run's connections that are still open, and locks that are still held. The server is given
        a moment: it notices the end of a connection by itself."""
        with psycopg.connect(self.database, autocommit=True) as connection:
            for _ in range(200):
                if not (found := connection.execute(_LEFT_OPEN).fetchall()):
                    break
                connection.execute("SELECT pg_sleep(0.02)")
            return found


_RELATIONS = """
SELECT n.nspname, c.relname, c.relkind::text, pg_get_userbyid(c.relowner), c.relfilenode::text,
       array_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull
                 ORDER BY a.attnum)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
      AND (n.nspname <> 'socratasync' OR %s)
GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2
"""

_LEFT_OPEN = """
SELECT pid, state, query, wait_event FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'socratasync'
UNION ALL
SELECT pid, locktype, mode, '' FROM pg_locks
WHERE locktype = 'advisory' AND pid <> pg_backend_pid()
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
