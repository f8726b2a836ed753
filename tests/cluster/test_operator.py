"""The operator against a real Kubernetes API, with exactly the rights that are shipped."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.api import Api, Object, condition_of
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kubelet import Kubelet
from tests.cluster.processes import wait_until
from tests.cluster.running import ACCOUNT, IMAGE, RunningOperator, allow_in_namespace

KIND = "SocrataSync"
NEVER = "0 0 29 2 *"


def manifest(name: str = "la-311", **spec: Any) -> Object:
    return {
        "apiVersion": "socratasync.dev/v1alpha1",
        "kind": KIND,
        "metadata": {"name": name},
        "spec": {
            "domain": "data.lacity.org",
            "datasets": [{"id": "rq3b-xjk8", "year": 2020}],
            "schedule": NEVER,
            "target": {"dsnSecretRef": {"name": "db"}, "table": "requests", "key": ["srnumber"]},
            **spec,
        },
    }


def report(run: str, *, inserted: int = 3, **more: Any) -> str:
    rows = {
        "downloaded": inserted,
        "inserted": inserted,
        "updated": 0,
        "unchanged": 0,
        "deleted": 0,
    }
    mark = "2026-11-23T06:00:00.000Z"
    dataset = {
        "id": "rq3b-xjk8",
        "year": 2020,
        "rows": {**rows, "target": 100},
        "sourceRows": 100,
        "sourceUpdatedAt": mark,
        "lastSyncedSince": mark,
        "verified": True,
        "schemaInSync": True,
        "error": None,
    }
    whole = {
        "v": 1,
        "run": run,
        "ok": True,
        "mode": "update",
        "rows": {**rows, "target": 100},
        "datasets": [dataset],
        "lastSyncedSince": mark,
        "bytes": 4096,
        "seconds": {"download": 1.5, "stage": 0.1, "merge": 0.2, "refresh": 0.3},
        "warnings": [],
        "error": None,
    }
    return json.dumps({**whole, **more})


def failure(run: str, reason: str, message: str) -> str:
    return report(run, inserted=0, ok=False, error={"reason": reason, "message": message})


@pytest.fixture
def operator(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> Iterator[RunningOperator]:
    allow_in_namespace(control_plane, namespace)
    kubeconfig = control_plane.kubeconfig_for(ACCOUNT, namespace=namespace)
    with RunningOperator(kubeconfig, tmp_path / "operator.log", [namespace]) as running:
        yield running


@pytest.fixture
def sync(operator: RunningOperator, api: Api, namespace: str, kubelet: Kubelet) -> Sync:
    del operator
    return Sync(api, kubelet, namespace)


class Sync:
    """One SocrataSync of a test, and what the test does to it and to its Jobs."""

    def __init__(self, api: Api, kubelet: Kubelet, namespace: str, name: str = "la-311") -> None:
        self.api, self.kubelet, self.namespace, self.name = api, kubelet, namespace, name

    def apply(self, **spec: Any) -> None:
        self.api.create(manifest(self.name, **spec), namespace=self.namespace)

    def edit(self, **spec: Any) -> None:
        self.api.patch(KIND, self.name, {"spec": spec}, namespace=self.namespace)

    def annotate(self, **tokens: str) -> None:
        notes = {f"socratasync.dev/{name}": token for name, token in tokens.items()}
        body = {"metadata": {"annotations": notes}}
        self.api.patch(KIND, self.name, body, namespace=self.namespace)

    def status(self) -> Object:
        found: Object = self.api.get(KIND, self.name, namespace=self.namespace).get("status", {})
        return found

    def until(self, holds: Callable[[Object], object], timeout_s: float = 30) -> Object:
        """The status, once ``holds`` is true of it."""
        whole = self.api.wait_for(
            KIND,
            self.name,
            lambda found: holds(found.get("status", {})),
            namespace=self.namespace,
            timeout_s=timeout_s,
        )
        found: Object = whole["status"]
        return found

    def jobs(self) -> list[Object]:
        jobs = self.api.list(
            "Job", namespace=self.namespace, selector=f"socratasync.dev/sync={self.name}"
        )
        return sorted(jobs, key=lambda job: str(job["metadata"]["creationTimestamp"]))

    def started(self, count: int = 1) -> str:
        """The name of the active Job, once the status names it and ``count`` Jobs were seen ended."""
        status = self.until(
            lambda s: s.get("activeRun") and len(s.get("history") or []) == count - 1
        )
        return str(status["activeRun"]["job"])

    def succeed(self, job: str, **more: Any) -> Object:
        """The run succeeds; the status once it says so."""
        pod = self.kubelet.run(job, namespace=self.namespace)
        self.kubelet.succeeded(pod, namespace=self.namespace, message=report(job, **more))
        return self.ended(job)

    def ended(self, job: str) -> Object:
        return self.until(lambda s: s.get("lastRun", {}).get("job") == job and "activeRun" not in s)

    def events(self) -> list[str]:
        """Reasons of the resource's events, oldest first."""
        found = [
            event
            for event in self.api.list("Event", namespace=self.namespace)
            if event["involvedObject"]["name"] == self.name
        ]
        return [event["reason"] for event in sorted(found, key=lambda e: e["firstTimestamp"])]


def test_an_applied_sync_is_loaded_and_says_so(
    sync: Sync, operator: RunningOperator, control_plane: ControlPlane
) -> None:
    sync.apply()
    job = sync.started()
    assert sync.status()["phase"] == "Syncing"
    status = sync.succeed(job)

    assert status["phase"] == "Synced"
    assert status["observedGeneration"] == 1
    assert status["lastRun"]["trigger"] == "Creation"
    assert status["lastRun"]["result"] == "Succeeded"
    assert status["rows"]["target"] == 100
    assert status["datasets"][0]["sourceRows"] == 100
    assert status["lastSyncedSince"] == "2026-11-23T06:00:00Z"
    whole = {"status": status}
    assert condition_of(whole, "Ready")["status"] == "True"
    assert condition_of(whole, "DataVerified")["status"] == "True"
    assert condition_of(whole, "SchemaInSync")["status"] == "True"
    assert condition_of(whole, "Synchronizing")["reason"] == "WaitingForSchedule"
    wait_until(lambda: len(sync.events()) == 2, timeout_s=10, what="two events")
    assert sync.events() == ["SyncStarted", "SyncSucceeded"]
    columns = control_plane.kubectl("get", "ssync", "-n", sync.namespace)
    assert "Synced" in columns
    scrape = operator.metrics()
    where = f'name="la-311",namespace="{sync.namespace}"'
    assert f"socratasync_last_run_succeeded{{{where}}} 1.0" in scrape
    assert (
        f'socratasync_runs_total{{name="la-311",namespace="{sync.namespace}",result="Succeeded"'
        in (scrape)
    )


def test_the_job_is_what_a_restricted_namespace_admits(sync: Sync) -> None:
    sync.apply(
        source={"appTokenSecretRef": {"name": "socrata"}},
        hooks=[{"url": "https://app.example.org/reset", "headersSecretRef": {"name": "hook"}}],
        archive={"persistentVolumeClaim": "kept"},
    )
    job = sync.api.get("Job", sync.started(), namespace=sync.namespace)
    sync.kubelet.next_pod(job["metadata"]["name"], namespace=sync.namespace)

    pod = job["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == IMAGE
    assert pod["automountServiceAccountToken"] is False
    assert job["spec"]["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"] == [65, 77, 78]
    assert job["metadata"]["ownerReferences"][0]["name"] == "la-311"
