"""dlt beside the product: a dataset's first load and a night's update, from one simulator into one server.

For comparison only: it asserts no limit. ``make bench-peers`` makes an environment with dlt and gives its Python. Both
are timed as whole processes. Prints a table and writes ``bench-results/peers.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))  # run as a script, so that `make bench-peers` needs no package

from tests.bench.load import FIRST, KEY, Bench, _wheel_psql, server  # noqa: E402
from tests.bench.updates import ROWS, Night, Nights  # noqa: E402

from socrata_simulator.process import running  # noqa: E402


def by_dlt(nights: Nights, night: Night, rows: int) -> None:
    """A run of dlt, which reads so many rows; what it took is added to those before."""
    nights.clean()
    state = nights.folder / "dlt"
    state.mkdir(exist_ok=True)
    url = f"https://{nights.simulator.domain}/resource/{FIRST}.json"
    asked = nights.ask("GET", "")["requests"]
    log = nights.folder / "dlt.log"
    started = time.perf_counter()
    with log.open("wb") as output:
        dlt = subprocess.Popen(
            [
                nights.options.python.absolute(),
                ROOT / "tests/bench/peer_dlt.py",
                *(url, _address(nights.dsn), KEY, str(nights.options.page_size)),
            ],
            env={**os.environ, "RUNTIME__DLTHUB_TELEMETRY": "false"},
            cwd=state,
            stdout=output,
            stderr=output,
        )
        status = os.waitpid(dlt.pid, 0)[1]
        seconds = time.perf_counter() - started
    dlt.returncode = os.waitstatus_to_exitcode(status)
    if dlt.returncode != 0:
        raise SystemExit(f"dlt failed: {log.read_text()[-4000:]}")
    night.seconds.append(seconds)
    night.requests.append(nights.ask("GET", "")["requests"] - asked)
    night.rows.append(rows)


def _address(dsn: str) -> str:
    """The DSN with its host, which may be a socket's folder, where dlt looks for it."""
    words = {name: quote(str(word), safe="") for name, word in conninfo_to_dict(dsn).items()}
    login = f"{words.get('user', 'postgres')}:{words.get('password', '')}"
    place = f"{words.get('host', 'localhost')}:{words.get('port', '5432')}"
    return f"postgresql://{login}@{place}/{words.get('dbname', 'postgres')}"


def loaded_by_dlt(nights: Nights, status: str) -> tuple[int, int]:
    """How many rows it loaded in all, and with that status."""
    with psycopg.connect(nights.dsn) as connection:
        row = connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE status = %s) FROM by_dlt.requests", [status]
        ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def drop(nights: Nights) -> None:
    """As if neither had loaded anything."""
    with psycopg.connect(nights.dsn, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS by_dlt, by_dlt_staging CASCADE")
    Bench.clean(nights)


def measure(nights: Nights) -> dict[str, Any]:
    """A first load and an update by either."""
    ways = {name: Night() for name in ("worker load", "dlt load", "worker update", "dlt update")}
    nights.publish()
    nights.by_worker(ways["worker load"])
    by_dlt(nights, ways["dlt load"], nights.options.rows)
    nights.change(0)
    nights.by_worker(ways["worker update"])
    by_dlt(nights, ways["dlt update"], len(nights.changed))
    assert loaded_by_dlt(nights, "Night 0") == (nights.options.rows, len(nights.changed))
    return {
        "rows": nights.options.rows,
        "changed": len(nights.changed),
        "machine": {"cpus": os.cpu_count(), "platform": platform.platform()},
        "results": {
            name: {
                "seconds": round(way.seconds[0], 3),
                "rows": way.rows[0],
                "rowsPerSecond": round(way.rows[0] / way.seconds[0]),
                "requests": way.requests[0],
            }
            for name, way in ways.items()
        },
    }


def table(found: dict[str, Any]) -> str:
    """The results as Markdown."""
    return "\n".join(_lines(found))


def _lines(found: dict[str, Any]) -> Iterable[str]:
    yield f"{found['rows']:,} rows, of which {found['changed']:,} change"
    yield ""
    yield "| | s | rows read | rows/s | requests |"
    yield "|---|---:|---:|---:|---:|"
    for name, way in found["results"].items():
        yield (
            f"| {name} | {way['seconds']:.2f} | {way['rows']:,} | {way['rowsPerSecond']:,} "
            f"| {way['requests']} |"
        )


def main() -> int:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--page-size", type=int, default=50_000, help="of both")
    parser.add_argument("--python", type=Path, required=True, help="the one that has dlt")
    parser.add_argument("--dsn", default=os.environ.get("SOCRATASYNC_BENCH_DSN"))
    parser.add_argument("--results", type=Path, default=ROOT / "bench-results/peers.json")
    options = parser.parse_args()
    options.psql = _wheel_psql()
    with (
        tempfile.TemporaryDirectory(prefix="socratasync-bench-") as folder,
        running("--admin") as simulator,
        server(options.dsn) as dsn,
    ):
        os.environ["REQUESTS_CA_BUNDLE"] = simulator.ca_file
        nights = Nights(dsn, simulator, Path(folder), options)
        drop(nights)
        found = measure(nights)
        drop(nights)
    options.results.parent.mkdir(parents=True, exist_ok=True)
    options.results.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(table(found) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
