"""The operator with 1,000 and 10,000 SocrataSyncs: start-up, apply → Job, schedule skew, memory, CPU.

    python tests/bench/scale.py [--sizes 1000 10000]

Each size has an etcd, an API server and controllers of its own on the loopback; the operator runs as
shipped, with the rights of manifests/. Prints a table, writes bench-results/scale.json and scale.md,
and ends with 1 when a goal is missed. All on one machine: the operator shares its cores with the
control plane that it is measured against, and with the programs that load it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))  # run as a script, so that `make bench-scale` needs no package

from tests.bench.figures import Figures, goals_missed, percentile, table  # noqa: E402
from tests.bench.fleet import (  # noqa: E402
    NAMESPACE,
    Watch,
    another_connection,
    each,
    manifest,
    pods_succeed,
)
from tests.cluster.api import Api, Object  # noqa: E402
from tests.cluster.conftest import install_crd  # noqa: E402
from tests.cluster.controlplane import ControlPlane  # noqa: E402
from tests.cluster.processes import wait_until  # noqa: E402
from tests.cluster.running import (  # noqa: E402
    ACCOUNT,
    RunningOperator,
    allow_everywhere,
)
from tests.cluster.syncs import NEVER  # noqa: E402

RESULTS = ROOT / "bench-results"
SYNCS = f"/apis/socratasync.dev/v1alpha1/namespaces/{NAMESPACE}/socratasyncs"
JOBS = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
SYNC_LABEL = "socratasync.dev/sync"
SCHEDULED_AT = "socratasync.dev/scheduled-at"
ALL_AT_ONCE = ("--max-active-runs=1000000", "--max-active-runs-per-domain=1000000")
"""The caps are for portals' sake; here they would be what is measured."""

APPLIED = 60
ON_THE_MINUTE = 100
SLOTS = 2
IDLE_S = 300
"""As long as it is from one look at all resources to the next, so that one is within."""


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", type=int, default=[1_000, 10_000])
    figures = [measure(size) for size in parser.parse_args().sizes]
    RESULTS.mkdir(exist_ok=True)
    machine = {"cores": os.cpu_count(), "python": platform.python_version()}
    result = {"machine": machine, "figures": [asdict(each) for each in figures]}
    (RESULTS / "scale.json").write_text(json.dumps(result, indent=2) + "\n")
    (RESULTS / "scale.md").write_text(table(figures))
    sys.stdout.write(table(figures))
    missed = [sentence for each in figures for sentence in goals_missed(each)]
    sys.stdout.writelines(f"missed: {sentence}\n" for sentence in missed)
    return 1 if missed else 0


def measure(size: int) -> Figures:
    """A control plane with ``size`` resources, and everything that is measured in it."""
    with tempfile.TemporaryDirectory(prefix="socratasync-scale-") as scratch:
        plane = ControlPlane.start(Path(scratch) / "plane")
        try:
            return Bench(plane, Path(scratch), size).run()
        finally:
            plane.stop()


class Bench:
    """One size's measurements, in order; each leaves the fleet as the next needs it."""

    def __init__(self, plane: ControlPlane, scratch: Path, size: int) -> None:
        self._plane = plane
        self._log = scratch / "operator.log"
        self._size = size
        self._names = [f"sync-{number:05}" for number in range(size)]
        install_crd(plane)
        plane.api.create({"kind": "Namespace", "metadata": {"name": NAMESPACE}})
        allow_everywhere(plane, NAMESPACE)
        self._kubeconfig = plane.kubeconfig_for(ACCOUNT, namespace=NAMESPACE)

    def run(self) -> Figures:
        """All of it; says what it is at, since ten thousand take minutes."""
        say(f"{self._size} SocrataSyncs: learning what a good status looks like")
        settled = self._a_settled_status()
        say("  creating them, suspended")
        each(self._plane, self._names, self._create_suspended)
        first, resident_first = self._first_start()
        say(f"  first start: all statuses in {first:.1f} s; settling them")
        each(self._plane, self._names, lambda api, name: self._settle(api, name, settled))
        with self._operator() as operator, pods_succeed(self._plane):
            started = time.monotonic()
            operator.start()
            operator.wait_ready(timeout_s=300)
            ready = time.monotonic() - started
            # A scrape is work for what is measured, so it is not asked for all the time.
            all_series = "the series of all resources"
            wait_until(lambda: self._known(operator), timeout_s=600, what=all_series, poll_s=2)
            known = time.monotonic() - started
            began = time.monotonic()
            operator.metrics()
            scrape = time.monotonic() - began
            say(f"  restart: ready in {ready:.1f} s, all known in {known:.1f} s; idling")
            idle_cpu, resident_idle = self._idle(operator)
            say(f"  idle: {idle_cpu:.2f} % of a core, {resident_idle:.0f} MiB; applying")
            applied = self._apply_to_job()
            say(f"  apply → Job: p50 {statistics.median(applied):.3f} s; waiting for full minutes")
            skews = self._skews()
            resident_end = operator.resident_mib()
        return Figures(
            syncs=self._size,
            first_start_all_statuses_s=first,
            restart_ready_s=ready,
            restart_all_known_s=known,
            scrape_s=scrape,
            apply_to_job_p50_s=percentile(applied, 50),
            apply_to_job_p95_s=percentile(applied, 95),
            skew_p50_s=percentile(skews, 50),
            skew_p99_s=percentile(skews, 99),
            resident_first_mib=resident_first,
            resident_idle_mib=resident_idle,
            resident_end_mib=resident_end,
            idle_cpu_percent=idle_cpu,
        )

    def _operator(self) -> Stopped:
        return Stopped(RunningOperator(self._kubeconfig, self._log, flags=ALL_AT_ONCE))

    def _a_settled_status(self) -> Object:
        """The status after one good run, made by the operator itself."""
        api = self._plane.api
        with self._operator() as operator, pods_succeed(self._plane):
            operator.start()
            operator.wait_ready()
            api.create(manifest("pattern"), namespace=NAMESPACE)
            done = api.wait_for("SocrataSync", "pattern", _is_synced, namespace=NAMESPACE)
        api.delete("SocrataSync", "pattern", namespace=NAMESPACE)
        status: Object = done["status"]
        return status

    def _create_suspended(self, api: Api, name: str) -> None:
        api.create(manifest(name, suspend=True), namespace=NAMESPACE)

    def _first_start(self) -> tuple[float, float]:
        handled: set[str] = set()
        all_handled = threading.Event()

        def seen(sync: Object) -> None:
            if (sync.get("status") or {}).get("observedGeneration", 0) > 0:
                handled.add(sync["metadata"]["name"])
            if len(handled) >= self._size:
                all_handled.set()

        with self._operator() as operator, Watch(self._plane, SYNCS, seen):
            started = time.monotonic()
            operator.start()
            if not all_handled.wait(timeout=900):
                raise AssertionError(f"{len(handled)} of {self._size}: {operator.words()}")
            return time.monotonic() - started, operator.resident_mib()

    def _settle(self, api: Api, name: str, status: Object) -> None:
        """As if a run had gone well and the operator had been stopped since."""
        changed = api.patch("SocrataSync", name, {"spec": {"suspend": False}}, namespace=NAMESPACE)
        generation = changed["metadata"]["generation"]
        conditions = [{**c, "observedGeneration": generation} for c in status["conditions"]]
        mine = {**status, "observedGeneration": generation, "conditions": conditions}
        mine["lastRun"] = {**status["lastRun"], "job": f"{name}-past", "generation": generation}
        mine["history"] = [{**run, "job": f"{name}-past"} for run in status["history"]]
        api.patch("SocrataSync", name, {"status": mine}, namespace=NAMESPACE, part="status")

    def _known(self, operator: RunningOperator) -> bool:
        lines = operator.metrics().splitlines()
        return sum(line.startswith("socratasync_info{") for line in lines) >= self._size

    def _idle(self, operator: RunningOperator) -> tuple[float, float]:
        pause = threading.Event()
        pause.wait(15)  # what the start has set off is over
        before, began = operator.cpu_seconds(), time.monotonic()
        pause.wait(IDLE_S)
        used, passed = operator.cpu_seconds() - before, time.monotonic() - began
        return 100 * used / passed, operator.resident_mib()

    def _apply_to_job(self) -> list[float]:
        """One new resource after another, from the API server's answer to its Job's coming."""
        arrived: dict[str, float] = {}
        came = threading.Condition()

        def seen(job: Object) -> None:
            with came:
                arrived.setdefault(job["metadata"]["labels"][SYNC_LABEL], time.monotonic())
                came.notify_all()

        seconds = []
        with Watch(self._plane, JOBS, seen):
            for number in range(APPLIED):
                name = f"new-{number:03}"
                began = time.monotonic()
                self._plane.api.create(manifest(name), namespace=NAMESPACE)
                with came:
                    there = came.wait_for(lambda name=name: name in arrived, timeout=60)  # type: ignore[misc]
                assert there, f"no Job of {name} within a minute"
                seconds.append(arrived[name] - began)
        return seconds

    def _skews(self) -> list[float]:
        """How late Jobs come that are due on the minute, for some full minutes."""
        due: dict[str, float] = {}
        enough = threading.Event()

        def seen(job: Object) -> None:
            slot = job["metadata"].get("annotations", {}).get(SCHEDULED_AT)
            if slot and job["metadata"]["name"] not in due:
                late = datetime.now(UTC) - datetime.fromisoformat(slot)
                due[job["metadata"]["name"]] = late.total_seconds()
            if len(due) >= ON_THE_MINUTE * SLOTS:
                enough.set()

        names = [f"minute-{number:03}" for number in range(ON_THE_MINUTE)]
        api = another_connection(self._plane)
        each(self._plane, names, lambda own, name: own.create(manifest(name), namespace=NAMESPACE))
        for name in names:
            api.wait_for("SocrataSync", name, _is_synced, namespace=NAMESPACE, timeout_s=300)
        every_minute = {"spec": {"schedule": "* * * * *"}}
        with Watch(self._plane, JOBS, seen):
            each(
                self._plane,
                names,
                lambda own, name: own.patch("SocrataSync", name, every_minute, namespace=NAMESPACE),
            )
            assert enough.wait(60 * (SLOTS + 2)), f"{len(due)} scheduled Jobs came"
        each(
            self._plane,
            names,
            lambda own, name: own.patch(
                "SocrataSync", name, {"spec": {"schedule": NEVER}}, namespace=NAMESPACE
            ),
        )
        api.close()
        return list(due.values())


class Stopped:
    """An operator that is stopped when the block ends, started or not."""

    def __init__(self, operator: RunningOperator) -> None:
        self._operator = operator

    def __enter__(self) -> RunningOperator:
        return self._operator

    def __exit__(self, *_: object) -> None:
        self._operator.stop()


def _is_synced(sync: Object) -> bool:
    return bool((sync.get("status") or {}).get("phase") == "Synced")


def say(line: str) -> None:
    """Where it is at, for who waits."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
