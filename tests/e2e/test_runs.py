"""A SocrataSync on a real node: what its user applies, what comes to stand in the table and status."""

from __future__ import annotations

import json
import subprocess
from datetime import datetime

import psycopg
import pytest
from tests.cluster.processes import wait_until
from tests.e2e.cluster import Cluster, Object
from tests.e2e.holding import held_download
from tests.e2e.install import Installation
from tests.e2e.syncs import DATASET, Sync

from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal

pytestmark = pytest.mark.usefixtures("installed")

Connection = psycopg.Connection[tuple[object, ...]]

PAGE = 1000


def counted(connection: Connection) -> int:
    found = connection.execute("SELECT count(*), count(DISTINCT srnumber) FROM requests").fetchone()
    assert found is not None
    rows, keys = found
    assert rows == keys
    assert isinstance(rows, int)
    return rows


def condition(status: Object, kind: str) -> Object:
    return next((c for c in status.get("conditions", []) if c["type"] == kind), {})


def runs_counted(status: Object) -> int:
    return len(status.get("history") or [])


def test_an_applied_manifest_becomes_a_job_a_table_and_a_status(
    sync: Sync, portal: Portal, connection: Connection, cluster: Cluster
) -> None:
    city = portal.add_synthetic(DATASET, rows=3000, seed=1)
    sync.apply()

    status = sync.wait_finished()

    assert status["lastRun"]["result"] == "Succeeded", status
    assert (status["phase"], condition(status, "Ready")["status"]) == ("Synced", "True")
    assert status["rows"]["inserted"] == status["rows"]["target"] == 3000
    assert status["datasets"][0]["sourceRows"] == 3000
    assert counted(connection) == 3000
    loaded = connection.execute("SELECT srnumber, status FROM requests").fetchall()
    assert set(loaded) == {(row["srnumber"], row["status"]) for row in city.rows()}
    printed = cluster.kubectl("get", "socratasyncs", "--namespace", sync.namespace)
    heading, line = (text.split() for text in printed.splitlines())
    assert heading[:6] == ["NAME", "DOMAIN", "MODE", "SCHEDULE", "PHASE", "READY"]
    assert line[0] == sync.name
    assert {"update", "Synced", "True", "3000"} <= set(line)


def test_a_run_asked_for_brings_what_changed_at_the_source_and_no_more(
    sync: Sync, portal: Portal, connection: Connection
) -> None:
    city = portal.add_synthetic(DATASET, rows=2000, seed=2)
    sync.apply()
    assert sync.wait_finished()["lastRun"]["result"] == "Succeeded"
    changed = city.ids()[:5]
    city.update(changed, status="Reopened")

    said = sync.plugin("trigger", "--wait", "--timeout=100")

    status = sync.wait(lambda s: (s.get("lastRun") or {}).get("trigger") == "Manual")
    assert status["lastRun"]["result"] == "Succeeded", said
    assert (status["rows"]["inserted"], status["rows"]["updated"]) == (0, 5)
    reopened = connection.execute("SELECT count(*) FROM requests WHERE status = 'Reopened'")
    assert reopened.fetchone() == (5,)
    assert counted(connection) == 2000


def test_a_worker_killed_for_memory_is_told_as_such_with_the_limit_to_raise(
    sync: Sync, portal: Portal
) -> None:
    portal.add_synthetic(DATASET, rows=100, seed=3)
    small = {"requests": {"memory": "24Mi"}, "limits": {"memory": "24Mi"}}
    sync.spec["job"] |= {"resources": small, "backoffLimit": 0}
    sync.apply()

    status = sync.wait_finished()

    assert (status["lastRun"]["result"], status["lastRun"]["reason"]) == ("Failed", "OOMKilled")
    assert "spec.job.resources" in status["lastRun"]["message"]
    assert status["phase"] == "Failed"
    assert condition(status, "LastSyncSucceeded")["status"] == "False"


def test_a_pod_deleted_in_mid_run_is_followed_by_one_that_goes_on_where_it_stopped(
    sync: Sync, portal: Portal, connection: Connection, cluster: Cluster
) -> None:
    portal.add_synthetic(DATASET, rows=10 * PAGE, seed=4)
    sync.spec |= {"source": {"pageSize": PAGE}, "mode": "full"}
    with held_download(portal, after_pages=6) as held:
        sync.apply()
        held.wait_reached()
        (pod,) = sync.pods()
        name = pod["metadata"]["name"]
        cluster.kubectl("delete", "pod", name, "--namespace", sync.namespace, "--wait=false")
        wait_until(
            lambda: all(p["metadata"]["name"] != name for p in sync.pods()),
            timeout_s=60,
            what=f"pod {name} to go",
        )

    status = sync.wait_finished()

    assert status["lastRun"]["result"] == "Succeeded", status
    assert counted(connection) == 10 * PAGE
    pages = [query for kind, _, query in portal.requests if kind == "rows"]
    assert len(pages) <= 10 + 3, "the second pod began anew instead of going on"
    assert runs_counted(status) == 1


def test_an_operator_that_is_replaced_in_mid_run_counts_the_run_once(
    sync: Sync, portal: Portal, connection: Connection, cluster: Cluster, installed: Installation
) -> None:
    portal.add_synthetic(DATASET, rows=5 * PAGE, seed=5)
    sync.spec |= {"source": {"pageSize": PAGE}}
    with held_download(portal, after_pages=2) as held:
        sync.apply()
        held.wait_reached()
        where = ("--namespace", installed.namespace, "--grace-period=1")
        cluster.kubectl("delete", "pod", "--selector=app.kubernetes.io/component=operator", *where)
        installed.wait_ready()

    status = sync.wait_finished()

    assert status["lastRun"]["result"] == "Succeeded", status
    assert runs_counted(status) == 1
    assert counted(connection) == 5 * PAGE
    assert len(cluster.list("jobs", namespace=sync.namespace)) == 1


def test_progress_comes_into_the_status_while_a_run_is_under_way(
    sync: Sync, portal: Portal
) -> None:
    portal.add_synthetic(DATASET, rows=6 * PAGE, seed=6)
    sync.spec |= {"source": {"pageSize": PAGE}}
    # A worker logs its progress every ten seconds, and the operator looks every fifteen.
    portal.faults.add(Fault.delayed(4), times=4, on="rows")
    with held_download(portal, after_pages=4) as held:
        sync.apply()
        held.wait_reached()
        status = sync.wait(lambda s: ((s.get("activeRun") or {}).get("progress") or {}).get("rows"))
        progress = status["activeRun"]["progress"]
        assert 0 < progress["rows"] < progress["total"] == 6 * PAGE
        assert status["phase"] == "Syncing"
    assert sync.wait_finished()["lastRun"]["result"] == "Succeeded"


def test_logs_are_followed_from_the_middle_of_a_run_to_its_end(
    sync: Sync, portal: Portal, cluster: Cluster
) -> None:
    portal.add_synthetic(DATASET, rows=3 * PAGE, seed=7)
    sync.spec |= {"source": {"pageSize": PAGE}}
    with held_download(portal, after_pages=1) as held:
        sync.apply()
        held.wait_reached()
        command = ["kubectl", "socratasync", "logs", "-f", "--raw", sync.name, "-n"]
        following = subprocess.Popen(
            [*command, sync.namespace], env=cluster.environment(), stdout=subprocess.PIPE, text=True
        )
        assert following.stdout is not None
        first = following.stdout.readline()
        held.let_go()
        rest, _ = following.communicate(timeout=90)

    assert following.returncode == 0
    assert json.loads(first), first
    assert any(json.loads(line).get("ok") for line in rest.splitlines()[-2:])  # of two pipes


def test_metrics_are_scraped_from_the_operators_pod(
    sync: Sync, portal: Portal, cluster: Cluster, installed: Installation
) -> None:
    portal.add_synthetic(DATASET, rows=500, seed=8)
    sync.apply()
    status = sync.wait_finished()

    path = f"/api/v1/namespaces/{installed.namespace}/services/socratasync-metrics:metrics/proxy/metrics"
    lines = cluster.kubectl("get", "--raw", path).splitlines()

    labels = f'{{name="{sync.name}",namespace="{sync.namespace}"}}'
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert float(values[f"socratasync_last_run_succeeded{labels}"]) == 1
    ended = datetime.fromisoformat(status["lastSuccessfulTime"]).timestamp()
    shown = float(values[f"socratasync_last_success_timestamp_seconds{labels}"])
    assert shown == pytest.approx(ended, abs=1)


def test_a_deleted_resource_takes_its_jobs_and_pods_and_leaves_the_data(
    sync: Sync, portal: Portal, connection: Connection, cluster: Cluster
) -> None:
    portal.add_synthetic(DATASET, rows=500, seed=9)
    sync.apply()
    sync.wait_finished()

    where = ("--namespace", sync.namespace)
    cluster.kubectl("delete", "socratasync", sync.name, *where, "--timeout=30s")
    wait_until(lambda: not sync.pods(), timeout_s=60, what="the pods to go")

    assert cluster.list("jobs", namespace=sync.namespace) == []
    assert counted(connection) == 500
