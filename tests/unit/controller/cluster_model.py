"""A cluster of one SocrataSync in memory, for sequences that a real one would need years for.

It keeps what the API server keeps (versions, uids, merge patches, owner references) and lets the
operator be killed at any of its calls. What it answers was compared with a real API server by the
tests in tests/cluster; it proves nothing about Kubernetes itself.
"""

from __future__ import annotations

import copy
import json
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from socratasync.api.status import UNSEEN
from socratasync.controller.cluster.errors import Conflict, Refused
from socratasync.controller.jobs.defaults import NOTHING_SAID
from socratasync.controller.metrics.series import Metrics
from socratasync.controller.notifications import Notifications
from socratasync.controller.observed.job import is_notification
from socratasync.controller.observed.labels import FINGERPRINT, ONLY
from socratasync.controller.observed.resource import Key
from socratasync.controller.reconcile import Reconciler
from socratasync.controller.roster import Roster
from socratasync.controller.runs import Runs
from socratasync.controller.slots import RunSlots
from socratasync.times import write_instant

Object = dict[str, Any]


class Killed(BaseException):
    """SIGKILL at a call of the operator's."""


class ClusterModel:
    """The calls of ``socratasync.controller.cluster.Cluster``, on dictionaries."""

    def __init__(self, now: datetime, spec: Mapping[str, Any]) -> None:
        self.now = now
        self.key = Key("data", "la-311")
        self.jobs: dict[str, Object] = {}
        self.pods: dict[str, list[Object]] = {}
        self.created: list[Object] = []
        self.notifications: dict[str, Object] = {}
        """The Jobs that tell people, by name; no list of runs has them."""
        self.notifications_left: int | None = None
        """How many more of those a quota has room for."""
        self.recorded: list[str] = []
        self.loaded: set[str] = set()
        """The fingerprints of what runs that ended well were asked to load."""
        self.interrupted: list[str] = []
        """Jobs that the operator stopped while their worker was at work and nobody asked for it."""
        self.events: dict[str, Object] = {}
        self.writes = 0
        self.calls_left: int | None = None
        self.refuses_jobs = ""
        """Why no Job is accepted."""
        self.refused = ""
        """A status in which this stands is refused."""
        self._version = 1
        self._uids = 0
        self.body: Object = {
            "metadata": {
                "namespace": self.key.namespace,
                "name": self.key.name,
                "uid": "uid-of-the-sync",
                "generation": 1,
                "resourceVersion": "1",
                "creationTimestamp": write_instant(now, "seconds"),
                "annotations": {},
            },
            "spec": dict(spec),
            "status": dict(UNSEEN),
        }

    # what users and Kubernetes do

    def edit(self, **fields: Any) -> None:
        """A user edits the spec; None takes a field out."""
        spec = {k: v for k, v in {**self.body["spec"], **fields}.items() if v is not None}
        if spec != self.body["spec"]:
            self.body["spec"] = spec
            self.body["metadata"]["generation"] += 1
            self._touch()

    def annotate(self, name: str, token: str) -> None:
        """A user sets an annotation."""
        self.body["metadata"]["annotations"][f"socratasync.dev/{name}"] = token
        self._touch()

    def active_jobs(self) -> list[Object]:
        """Jobs that are not over, those being stopped included."""
        return [job for job in self.jobs.values() if not job["status"].get("conditions")]

    def pod(self, name: str, *, at_work: bool) -> None:
        """The Job gets a pod, in which the worker begins, or which waits for a secret."""
        missing = {"reason": "CreateContainerConfigError", "message": 'secret "db" not found'}
        state: Object = {"running": {}} if at_work else {"waiting": missing}
        metadata = {"name": f"{name}-x", "creationTimestamp": write_instant(self.now, "seconds")}
        status = {
            "phase": "Running" if at_work else "Pending",
            "containerStatuses": [{"name": "sync", "state": state}],
        }
        self.pods[name] = [{"metadata": metadata, "status": status}]

    def is_at_work(self, name: str) -> bool:
        """Whether a worker runs in a pod of the Job."""
        return any(pod["status"].get("phase") == "Running" for pod in self.pods.get(name, []))

    def end(
        self,
        name: str,
        *,
        ok: bool,
        code: int = 0,
        with_pod: bool = True,
        fate: str = "",
        reason: str = "",
        **more: Any,
    ) -> None:
        """The Job ends, for that ``reason``; its pod has a report, or met this ``fate``, or is gone."""
        ended = write_instant(self.now, "seconds")
        report: Object = {"v": 1, "run": name, "ok": ok, "rows": {"inserted": 1 if ok else 0}}
        if not ok:
            report["error"] = {"reason": "SourceUnavailable", "message": "no answer"}
        report |= more
        state = {
            "terminated": {
                "exitCode": code,
                "finishedAt": ended,
                "message": "" if fate else json.dumps(report),
                "reason": fate,
            }
        }
        self.pods[name] = (
            [{"status": {"containerStatuses": [{"name": "sync", "state": state}]}}]
            if with_pod
            else []
        )
        kind = "Complete" if ok else "Failed"
        notes = self.jobs[name]["metadata"]["annotations"]
        if ok and ONLY not in notes:
            self.loaded.add(notes[FINGERPRINT])
        self.jobs[name]["status"]["conditions"] = [
            {"type": kind, "status": "True", "reason": reason, "lastTransitionTime": ended}
        ]

    def remove(self, name: str) -> None:
        """The Job and its pods go: deleted by somebody, or stopped at last."""
        del self.jobs[name]
        self.pods.pop(name, None)

    # what the operator calls

    async def get_sync(self, key: Key) -> Object | None:
        self._call()
        return copy.deepcopy(self.body) if key == self.key else None

    async def syncs(self, _namespace: str | None) -> AsyncIterator[Object]:
        self._call()
        yield copy.deepcopy(self.body)

    async def unsuccessful_jobs(self, _namespace: str | None) -> AsyncIterator[Object]:
        self._call()
        for job in [job for job in self.jobs.values() if not _is_complete(job)]:
            yield copy.deepcopy(job)

    async def successful_jobs(self, _namespace: str | None) -> AsyncIterator[Object]:
        self._call()
        for job in [job for job in self.jobs.values() if _is_complete(job)]:
            yield {"metadata": copy.deepcopy(job["metadata"])}

    async def list_jobs(self, _key: Key) -> list[Object]:
        self._call()
        return copy.deepcopy(list(self.jobs.values()))

    async def get_job(self, _namespace: str, name: str) -> Object | None:
        self._call()
        return copy.deepcopy(self.jobs.get(name))

    async def create_job(self, job: Object) -> Object:
        self._call()
        name = job["metadata"]["name"]
        if is_notification(job):
            return self._notify(name, job)
        if self.refuses_jobs:
            raise Refused(self.refuses_jobs)
        if name in self.jobs:
            raise Conflict(f"jobs {name!r} already exists")
        self._uids += 1
        made = copy.deepcopy(job)
        made["metadata"] |= {
            "uid": f"job-{self._uids}",
            "creationTimestamp": write_instant(self.now, "seconds"),
        }
        made["status"] = {}
        self.jobs[name] = made
        self.created.append(made)
        self._call()
        return copy.deepcopy(made)

    def _notify(self, name: str, job: Object) -> Object:
        if self.notifications_left == 0:
            raise Refused("exceeded quota: jobs")
        if name in self.notifications:
            raise Conflict(f"jobs {name!r} already exists")
        if self.notifications_left:
            self.notifications_left -= 1
        self.notifications[name] = copy.deepcopy(job)
        self._call()
        return copy.deepcopy(job)

    async def delete_job(self, _namespace: str, name: str, uid: str, *, pods_first: bool) -> None:
        self._call()
        job = self.jobs.get(name)
        if job is not None and job["metadata"]["uid"] == uid:
            if pods_first:
                if self.is_at_work(name) and not self._asked_to_stop():
                    self.interrupted.append(name)
                job["metadata"]["deletionTimestamp"] = write_instant(self.now, "seconds")
            else:
                self.remove(name)
        self._call()

    async def list_pods(self, _namespace: str, job: str) -> list[Object]:
        self._call()
        return copy.deepcopy(self.pods.get(job, []))

    async def read_log(self, _namespace: str, _pod: str, _container: str, _lines: int) -> str:
        self._call()
        return ""

    async def patch_status(self, _key: Key, patch: Mapping[str, Any], version: str) -> str:
        self._call()
        if self.refused and self.refused in json.dumps(patch):
            raise Refused("status.lastRun.warnings[0]: Invalid value")
        if version != self.body["metadata"]["resourceVersion"]:
            raise Conflict("the object has been modified")
        before = self._ended()
        self.body["status"] = _merge(self.body["status"], json.loads(json.dumps(patch)))
        self.recorded += sorted(self._ended() - before)
        self.writes += 1
        self._touch()
        self._call()
        return str(self.body["metadata"]["resourceVersion"])

    async def create_event(self, event: Object) -> None:
        self._call()
        self.events.setdefault(event["metadata"]["name"], event)

    def _ended(self) -> set[str]:
        """The uids of the last run and the last one-off run."""
        runs = [self.body["status"].get(name) for name in ("lastRun", "lastOneOff")]
        return {run["uid"] for run in runs if run}

    def _asked_to_stop(self) -> bool:
        asked = self.body["metadata"]["annotations"].get("socratasync.dev/cancelAt")
        return bool(asked != self.body["status"].get("lastHandledCancelAt"))

    def _call(self) -> None:
        """Every call may be the last: before it has effect, and for writes also after."""
        if self.calls_left is not None:
            if self.calls_left == 0:
                raise Killed
            self.calls_left -= 1

    def _touch(self) -> None:
        self._version += 1
        self.body["metadata"]["resourceVersion"] = str(self._version)


def _is_complete(job: Object) -> bool:
    return any(each["type"] == "Complete" for each in job["status"].get("conditions", []))


def operator_of(
    model: ClusterModel,
    *,
    slots: RunSlots | None = None,
    roster: Roster | None = None,
    metrics: Metrics | None = None,
) -> Reconciler:
    """A new process: nothing in memory but what is given."""

    def now() -> datetime:
        return model.now

    cluster: Any = model
    metrics = metrics or Metrics(now)
    return Reconciler(
        cluster,
        Runs(cluster, "image"),
        slots or RunSlots(20, 4, lambda _: None),
        roster or Roster(),
        metrics,
        Notifications(cluster, lambda: "image", NOTHING_SAID, None, metrics, now),
        now,
    )


def _merge(old: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(old) if isinstance(old, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merge(merged.get(name), value)
    return merged


def minutes(count: int) -> timedelta:
    """So many minutes."""
    return timedelta(minutes=count)
