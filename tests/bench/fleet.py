"""Thousands of SocrataSyncs in a real API server, and pods that end well without having run.

The API server, etcd and the Job controller are real; what is played is the kubelet alone, so that
the figures are the operator's and not those of ten thousand containers.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import requests
from tests.cluster.api import Api, Object
from tests.cluster.controlplane import ControlPlane
from tests.cluster.syncs import NEVER, report

NAMESPACE = "fleet"
JOB = "batch.kubernetes.io/job-name"
WRITERS = 6


def manifest(name: str, **spec: Any) -> Object:
    """A SocrataSync as a city would write it; by default its schedule is due in a leap year."""
    return {
        "apiVersion": "socratasync.dev/v1alpha1",
        "kind": "SocrataSync",
        "metadata": {"name": name},
        "spec": {
            "domain": "data.lacity.org",
            "datasets": [{"id": "pvft-t768", "year": 2019}, {"id": "rq3b-xjk8", "year": 2020}],
            "schedule": NEVER,
            "timeZone": "America/Los_Angeles",
            "target": {"dsnSecretRef": {"name": "db"}, "table": "requests", "key": ["srnumber"]},
            "freshness": {"maxLag": "36h"},
            **spec,
        },
    }


def each(plane: ControlPlane, names: Iterable[str], act: Callable[[Api, str], object]) -> None:
    """``act`` for every name, by several connections at once."""
    own = threading.local()

    def one(name: str) -> None:
        if not hasattr(own, "api"):
            own.api = another_connection(plane)
        act(own.api, name)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(one, names))


def another_connection(plane: ControlPlane) -> Api:
    """The API as an administrator, for a thread of its own."""
    return Api(plane.url, ca=plane.ca, cert=(plane.pki / "admin.crt", plane.pki / "admin.key"))


class Watch:
    """Calls ``seen`` with every object of a kind that is there, comes or changes, until the block ends."""

    def __init__(self, plane: ControlPlane, path: str, seen: Callable[[Object], None]) -> None:
        self._plane = plane
        self._path = path
        self._seen = seen
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()  # the thread, which waits for the next change, is left to end with us

    def _follow(self) -> None:
        try:
            # The API server ends a watch that falls behind; another begins with all that is there.
            while not self._over.is_set():
                for change in self._changes():
                    if self._over.is_set():
                        return
                    self._seen(change)
        except requests.RequestException:
            if not self._over.is_set():  # the API server goes when the bench is over, not before
                raise

    def _changes(self) -> Iterator[Object]:
        pki = self._plane.pki
        with requests.Session() as session:
            session.trust_env = False
            session.verify = str(self._plane.ca)
            session.cert = (str(pki / "admin.crt"), str(pki / "admin.key"))
            url = f"{self._plane.url}{self._path}?watch=1&timeoutSeconds=3600"
            with session.get(url, stream=True, timeout=(10, 3600)) as lines:
                for line in filter(None, lines.iter_lines(chunk_size=None)):
                    yield json.loads(line)["object"]


@contextmanager
def pods_succeed(plane: ControlPlane) -> Iterator[None]:
    """Every pod of a Job ends at once and leaves a good report."""
    api = another_connection(plane)

    def finish(pod: Object) -> None:
        job = pod["metadata"].get("labels", {}).get(JOB)
        if not job or pod["status"].get("phase") != "Pending":
            return
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod['metadata']['name']}/status"
        api.call("PATCH", path, {"status": _succeeded(pod, _report(job))}, patch="merge")

    with Watch(plane, f"/api/v1/namespaces/{NAMESPACE}/pods", finish):
        yield
    api.close()


def _report(job: str) -> str:
    """What the worker of a good run leaves: two datasets, read just now."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return report(job, years={"pvft-t768": 2019, "rq3b-xjk8": 2020}, mark=now)


def _succeeded(pod: Object, message: str) -> Object:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    ended = {"exitCode": 0, "reason": "Completed", "message": message}
    container = pod["spec"]["containers"][0]
    status = {
        "name": container["name"],
        "image": container["image"],
        "imageID": "played",
        "ready": False,
        "restartCount": 0,
        "state": {"terminated": {**ended, "startedAt": now, "finishedAt": now}},
    }
    return {"phase": "Succeeded", "startTime": now, "containerStatuses": [status]}
