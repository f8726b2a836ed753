"""A SocrataSync of a test: what its user does to it, and how its runs end."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.cluster.api import Api, Object
from tests.cluster.kubelet import Kubelet

KIND = "SocrataSync"
NEVER = "0 0 29 2 *"
YEARS = {"rq3b-xjk8": 2020}


def manifest(name: str = "la-311", **spec: Any) -> Object:
    return {
        "apiVersion": "socratasync.dev/v1alpha1",
        "kind": KIND,
        "metadata": {"name": name},
        "spec": {
            "domain": "data.lacity.org",
            "datasets": [{"id": id, "year": year} for id, year in YEARS.items()],
            "schedule": NEVER,
            "target": {"dsnSecretRef": {"name": "db"}, "table": "requests", "key": ["srnumber"]},
            **spec,
        },
    }


def report(
    run: str,
    *,
    inserted: int = 3,
    years: Mapping[str, int] = YEARS,
    mark: str = "2026-11-23T06:00:00.000Z",
    **more: Any,
) -> str:
    """What a worker leaves: the rows of each dataset of ``years``, read as of ``mark``."""
    rows = {
        "downloaded": inserted,
        "inserted": inserted,
        "updated": 0,
        "unchanged": 0,
        "deleted": 0,
    }
    dataset = {
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
        "datasets": [{"id": id, "year": year, **dataset} for id, year in years.items()],
        "lastSyncedSince": mark,
        "bytes": 4096,
        "seconds": {"download": 1.5, "merge": 0.2, "refresh": 0.3},
        "warnings": [],
        "error": None,
    }
    return json.dumps({**whole, **more})


def failure(run: str, reason: str, message: str) -> str:
    return report(run, inserted=0, ok=False, error={"reason": reason, "message": message})


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

    def quota(self, **hard: str) -> None:
        """No more than that in the namespace. There is no quota controller to count what is used."""
        path = f"/api/v1/namespaces/{self.namespace}/resourcequotas"
        quota = {"metadata": {"name": "none"}, "spec": {"hard": hard}}
        self.api.call("POST", path, {"apiVersion": "v1", "kind": "ResourceQuota", **quota})
        used = {"status": {"hard": hard, "used": dict.fromkeys(hard, "0")}}
        self.api.call("PATCH", f"{path}/none/status", used, patch="merge")

    def lift_quota(self) -> None:
        """The quota goes."""
        self.api.call("DELETE", f"/api/v1/namespaces/{self.namespace}/resourcequotas/none")

    def status(self) -> Object:
        found: Object = self.api.get(KIND, self.name, namespace=self.namespace).get("status", {})
        return found

    def until(self, holds: Callable[[Object], object], timeout_s: float = 60) -> Object:
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

    def at_work(self, job: str) -> str:
        """The Job's next pod, in which the worker begins."""
        return self.kubelet.run(job, namespace=self.namespace)

    def fail(self, job: str, pod: str, code: int, reason: str, message: str) -> None:
        """The pod's worker reports a failure."""
        said = failure(job, reason, message)
        self.kubelet.failed(pod, namespace=self.namespace, code=code, message=said)

    def succeed(self, job: str, pod: str | None = None, **more: Any) -> Object:
        """The run succeeds, in this pod or in its next; the status once it says so."""
        pod = pod or self.at_work(job)
        self.kubelet.succeeded(pod, namespace=self.namespace, message=report(job, **more))
        return self.ended(job)

    def ended(self, job: str) -> Object:
        """The status once the run is its last one; the next run may be active by then."""

        def is_recorded(status: Object) -> bool:
            active = status.get("activeRun", {}).get("job")
            return bool(status.get("lastRun", {}).get("job") == job != active)

        return self.until(is_recorded)

    def events(self) -> list[str]:
        """Reasons of the resource's events, oldest first."""
        found = [
            event
            for event in self.api.list("Event", namespace=self.namespace)
            if event["involvedObject"]["name"] == self.name
        ]
        return [event["reason"] for event in sorted(found, key=lambda e: e["firstTimestamp"])]
