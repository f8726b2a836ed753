"""What a night costs: an update of one row in a hundred, and a run that finds nothing changed.

A million rows of 33 columns are loaded once, as if they had been published a month ago. Then runs of the product are
timed as whole processes, with the requests that they make and the bytes that PostgreSQL logs. Beside an update
stands what a person would do by hand with the same rows: download them by one request, ``\\copy`` them into a
temporary table, ``INSERT … ON CONFLICT DO UPDATE`` into a table of the same rows and key. Prints a table, writes
``bench-results/updates.json``, and fails when a limit is broken.
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
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import requests
from psycopg import sql

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))  # run as a script, so that `make bench-updates` needs no package

from tests.bench.load import FIRST, KEY, Bench, _wheel_psql, server  # noqa: E402

from socrata_simulator.process import Process, running  # noqa: E402

ROWS = 1_000_000
"""The limits are for so many: with fewer, a process's start is most of what a night takes."""
UPDATE_LIMIT = 6.0
"""Of the seconds that the download and ``psql`` take by hand, the start of the worker's process included."""
NOTHING_LIMIT = 0.2
"""Of the first load's seconds: what a night without a change costs does not grow with the table."""
UPDATE_WAL_LIMIT = 1.1
"""Of the bytes that are logged by hand. The product's rows have three columns more, and it keeps a book."""
NOTHING_WAL_LIMIT = 0.01
"""Of an update's bytes."""
UPDATE_REQUESTS_LIMIT, NOTHING_REQUESTS_LIMIT = 8, 4

MONTH_S, TWO_HOURS_S, MINUTE_S = 30 * 86_400, 7_200, 60
"""How long ago rows were published, and changed: what changed within the hour is read again by the next run."""
ONE_IN = 100


@dataclass(slots=True)
class Night:
    """What each of the runs of a kind took."""

    seconds: list[float] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)
    wal_bytes: list[int] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    """Read from the source."""

    @property
    def median(self) -> float:
        """The median run's seconds."""
        return statistics.median(self.seconds)


class Nights(Bench):
    """One dataset that stays loaded from run to run, and a copy of its rows in a table that is kept by hand."""

    def __init__(self, dsn: str, simulator: Process, folder: Path, options: Any) -> None:
        super().__init__(dsn, simulator, folder, options)
        self.runs = 0
        self.changed: list[str] = []

    def clean(self) -> None:
        """What is loaded stays; but pages that changed before are logged whole by whoever changes them next."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute("CHECKPOINT")

    def _environ(self, datasets: list[str], api: str, indexed: Sequence[str]) -> dict[str, str]:
        self.runs += 1
        usual = super()._environ(datasets, api, indexed)
        return {**usual, "SOCRATASYNC_RUN": f"night-{self.runs}"}

    # -- the portal --------------------------------------------------------------------------------

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """One request to the simulator's administration."""
        url = f"https://{self.simulator.domain}/_simulator/{path}"
        answer = requests.request(method, url, json=body, timeout=600)
        answer.raise_for_status()
        return answer.json()

    def publish(self) -> None:
        """The rows, a month ago; a change of the first one two hours ago, after which nothing happened."""
        self.ask("POST", "clock", {"behind": MONTH_S})
        self.ask("POST", "datasets", {"id": FIRST, "synthetic": self.options.rows, "seed": 1})
        self.ask("POST", "clock", {"behind": TWO_HOURS_S})
        self.ask("POST", f"datasets/{FIRST}/touch", {"first": 1})
        ids = self._download({"$select": ":id", "$order": ":id"}).decode().split()[1:]
        self.changed = [id.strip('"') for id in ids[ONE_IN // 2 :: ONE_IN]]

    def change(self, night: int) -> str:
        """One row in a hundred gets another status, evenly over the table. Returns the condition by which they are
        found."""
        behind = TWO_HOURS_S - MINUTE_S * (night + 1)
        since = datetime.now(UTC) - timedelta(seconds=behind + 1)
        self.ask("POST", "clock", {"behind": behind})
        which = {"ids": self.changed, "values": {"status": f"Night {night}"}}
        self.ask("POST", f"datasets/{FIRST}/update", which)
        return f":updated_at >= '{since:%FT%TZ}'"

    def _download(self, parameters: dict[str, str]) -> bytes:
        url = f"https://{self.simulator.domain}/resource/{FIRST}.csv"
        limit = {"$limit": str(self.options.rows)}
        answer = requests.get(url, params={**parameters, **limit}, timeout=600)
        answer.raise_for_status()
        return answer.content

    # -- the two ways ------------------------------------------------------------------------------

    def copy_by_hand(self) -> None:
        """The table that is kept by hand, as it would stand there: the same rows, with the key."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            self.columns = connection.execute(
                "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid ="
                " 'requests'::regclass AND attnum > 0 AND attname NOT LIKE 'socrata%' ORDER BY attnum"
            ).fetchall()
            names = sql.SQL(", ").join(sql.Identifier(name) for name, _ in self.columns)
            for statement in (
                sql.SQL("CREATE TABLE by_hand AS SELECT {} FROM requests").format(names),
                sql.SQL("ALTER TABLE by_hand ADD PRIMARY KEY ({})").format(sql.Identifier(KEY)),
                sql.SQL("VACUUM ANALYZE by_hand, requests"),
            ):
                connection.execute(statement)

    def by_hand(self, changed: str, downloads: Night, copies: Night) -> None:
        """The rows that meet the condition, into the table that is kept by hand."""
        self.clean()
        started = time.perf_counter()
        names = ",".join(name for name, _ in self.columns)
        delta = self._download({"$select": names, "$where": changed})
        file = self.folder / "delta.csv"
        file.write_bytes(delta)
        downloads.seconds.append(time.perf_counter() - started)
        downloads.requests.append(1)
        wal, started = self._wal(), time.perf_counter()
        arguments = [word for c in _upsert(file, self.columns) for word in ("-c", c)]
        subprocess.run(
            [self.options.psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.dsn, *arguments],
            check=True,
        )
        copies.seconds.append(time.perf_counter() - started)
        copies.wal_bytes.append(self._wal() - wal)

    def by_worker(self, night: Night) -> dict[str, Any]:
        """A run; what it took is added to those before. Returns its report."""
        self.clean()
        asked, wal = self.ask("GET", "")["requests"], self._wal()
        seconds, _, report = self.synced([FIRST])
        night.wal_bytes.append(self._wal() - wal)
        night.requests.append(self.ask("GET", "")["requests"] - asked)
        night.rows.append(report["rows"]["downloaded"])
        night.seconds.append(seconds)
        return report

    def _wal(self) -> int:
        with psycopg.connect(self.dsn) as connection:
            row = connection.execute(
                "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint"
            ).fetchone()
        assert row is not None
        return int(row[0])

    def same(self) -> bool:
        """Whether both tables hold the same."""
        names = sql.SQL(", ").join(sql.Identifier(name) for name, _ in self.columns)
        query = sql.SQL(
            "SELECT count(*) FROM (SELECT {0} FROM requests EXCEPT SELECT {0} FROM by_hand) differing"
        )
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(query.format(names)).fetchone() == (0,)


def _upsert(file: Path, columns: list[tuple[str, str]]) -> list[str]:
    """What a person would write."""
    rest = ", ".join(f'"{name}" = excluded."{name}"' for name, _ in columns if name != KEY)
    return [
        "CREATE TEMP TABLE delta (LIKE by_hand)",
        f"\\copy delta from '{file}' with (format csv, header)",
        f"INSERT INTO by_hand SELECT * FROM delta ON CONFLICT ({KEY}) DO UPDATE SET {rest}",
    ]


def measure(nights: Nights, rounds: int) -> dict[str, Any]:
    """The first load, nights without a change, and nights with changes by both ways in turn."""
    ways = {name: Night() for name in ("load", "nothing", "update", "download", "psql")}
    nights.publish()
    first = nights.by_worker(ways["load"])
    assert first["rows"]["inserted"] == nights.options.rows
    nights.copy_by_hand()
    for _ in range(rounds):
        report = nights.by_worker(ways["nothing"])
        assert [each["result"] for each in report["datasets"]] == ["NoChange"]
        _say(f"nothing changed: {ways['nothing'].seconds[-1]:.2f} s")
    for night in range(rounds):
        changed = nights.change(night)
        nights.by_hand(changed, ways["download"], ways["psql"])
        report = nights.by_worker(ways["update"])
        assert report["rows"]["updated"] == len(nights.changed), report["rows"]
        assert nights.same()
        _say(f"{len(nights.changed):,} rows changed: {_said(ways)}, {report['seconds']}")
    by_hand = ways["download"].median + ways["psql"].median
    return {
        "rows": nights.options.rows,
        "changed": len(nights.changed),
        "columns": len(nights.columns),
        "rounds": rounds,
        "machine": {"cpus": os.cpu_count(), "platform": platform.platform()},
        "results": {name: asdict(way) for name, way in ways.items()},
        "ratios": {
            name: {"is": round(ratio, 3), "limit": limit}
            for name, ratio, limit in (
                ("update to by hand, s", ways["update"].median / by_hand, UPDATE_LIMIT),
                ("nothing to load, s", ways["nothing"].median / ways["load"].median, NOTHING_LIMIT),
                ("update to by hand, WAL", _wal_ratio(ways, "update", "psql"), UPDATE_WAL_LIMIT),
                (
                    "nothing to update, WAL",
                    _wal_ratio(ways, "nothing", "update"),
                    NOTHING_WAL_LIMIT,
                ),
                ("requests of nothing", max(ways["nothing"].requests), NOTHING_REQUESTS_LIMIT),
                ("requests of an update", max(ways["update"].requests), UPDATE_REQUESTS_LIMIT),
            )
        },
    }


def _wal_ratio(ways: dict[str, Night], one: str, other: str) -> float:
    return statistics.median(ways[one].wal_bytes) / statistics.median(ways[other].wal_bytes)


def _said(ways: dict[str, Night]) -> str:
    return ", ".join(f"{n} {ways[n].seconds[-1]:.2f} s" for n in ("download", "psql", "update"))


_WORDS = {
    "load": "worker: first load",
    "nothing": "worker: nothing changed",
    "update": "worker: update",
    "download": "by hand: download",
    "psql": "by hand: psql",
}


def table(found: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [
        f"{found['changed']:,} of {found['rows']:,} rows x {found['columns']} columns change a night",
        "",
        "| | s (median) | requests | rows read | WAL, MiB (median) |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, way in found["results"].items():
        cells = (
            f"{statistics.median(way['seconds']):.2f}",
            *(f"{max(way[each]):,}" if way[each] else "" for each in ("requests", "rows")),
            f"{statistics.median(way['wal_bytes']) / 2**20:.2f}" if way["wal_bytes"] else "",
        )
        lines.append(f"| {_WORDS[name]} | {' | '.join(cells)} |")
    lines += ["", "| | is | limit |", "|---|---:|---:|"]
    lines += [f"| {name} | {r['is']} | {r['limit']} |" for name, r in found["ratios"].items()]
    return "\n".join(lines)


def broken_limits(found: dict[str, Any]) -> list[str]:
    """What costs more than it may, of the rows that the limits are for."""
    if found["rows"] < ROWS:
        return []
    return [
        f"{name}: {each['is']}, over {each['limit']}"
        for name, each in found["ratios"].items()
        if each["is"] > each["limit"]
    ]


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


def main() -> int:
    """Measure, tell, judge."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument(
        "--rows", type=int, default=ROWS, help="with fewer than the default, no limit is judged"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--page-size", type=int, default=50_000, help="the manifest's default")
    parser.add_argument("--dsn", default=os.environ.get("SOCRATASYNC_BENCH_DSN"))
    parser.add_argument("--psql", help="another than the wheel's")
    parser.add_argument("--results", type=Path, default=ROOT / "bench-results/updates.json")
    options = parser.parse_args()
    options.psql = options.psql or _wheel_psql()
    with (
        tempfile.TemporaryDirectory(prefix="socratasync-bench-") as folder,
        running("--admin") as simulator,
        server(options.dsn) as dsn,
    ):
        os.environ["REQUESTS_CA_BUNDLE"] = simulator.ca_file
        nights = Nights(dsn, simulator, Path(folder), options)
        Bench.clean(nights)
        found = measure(nights, options.rounds)
        Bench.clean(nights)
    options.results.parent.mkdir(parents=True, exist_ok=True)
    options.results.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(table(found) + "\n")
    for sentence in broken_limits(found):
        _say(f"over the limit: {sentence}")
    return 1 if broken_limits(found) else 0


if __name__ == "__main__":
    sys.exit(main())
