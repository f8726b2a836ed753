"""A notification's Job as it is made tells its channel; one that cannot is an event, and one that may not be made waits."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.cluster.api import Api, Object
from tests.cluster.causes import CAUSES, DESK, env_of, news_of, notifications
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kubelet import Kubelet
from tests.cluster.processes import wait_until
from tests.cluster.running import ACCOUNT, RunningOperator, allow_in_namespace
from tests.cluster.syncs import Sync
from tests.listener import Listener

NIGHT: Object = {"slack": {"secretRef": {"name": "night"}}, "on": ["Failure"]}
GONE: Object = {"teams": {"secretRef": {"name": "gone"}}, "on": ["Failure"]}
REFUSED = next(cause for cause in CAUSES if "403" in cause.name)


@pytest.fixture
def sync(
    control_plane: ControlPlane, namespace: str, api: Api, kubelet: Kubelet, tmp_path: Path
) -> Iterator[Sync]:
    """One that an operator of its own looks after."""
    allow_in_namespace(control_plane, namespace)
    kubeconfig = control_plane.kubeconfig_for(ACCOUNT, namespace=namespace)
    with RunningOperator(kubeconfig, tmp_path / "operator.log", [namespace]):
        yield Sync(api, kubelet, namespace)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a container ended, and what it left as its last words."""

    code: int
    words: str


def container(job: Object, words: Path, **secrets: str) -> Ended:
    """What the kubelet would run: the Job's command, with its variables and what its secrets hold."""
    (each,) = job["spec"]["template"]["spec"]["containers"]
    told = env_of(job)
    variables = {name: told[name] for name in told if isinstance(told[name], str)}
    references = {name for name in told if name not in variables}
    assert references == secrets.keys(), "of all secrets it has these"
    assert each["command"] == ["socratasync"]
    ran = subprocess.run(
        [sys.executable, "-m", "socratasync", *each["args"]],
        env={
            **{
                name: os.environ[name]
                for name in ("PATH", "REQUESTS_CA_BUNDLE")
                if name in os.environ
            },
            **variables,
            **secrets,
            "SOCRATASYNC_TERMINATION_LOG": str(words),
            "NO_PROXY": "127.0.0.1",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ended(ran.returncode, words.read_text() if words.exists() else ran.stderr)


def test_each_channels_job_tells_it_and_one_that_cannot_is_an_event(
    sync: Sync, listener: Listener, tmp_path: Path
) -> None:
    sync.apply(notify=[DESK, NIGHT, GONE])
    assert REFUSED.play is not None
    REFUSED.play(sync, sync.started())
    wait_until(lambda: len(notifications(sync)) == 3, timeout_s=60, what="a Job for each channel")
    jobs = {env_of(job)["SOCRATASYNC_CHANNEL"]: job for job in notifications(sync)}

    told = container(jobs["webhook"], tmp_path / "1", SOCRATASYNC_ADDRESS=f"{listener.url}/s3cret")
    lost = container(jobs["slack"], tmp_path / "2", SOCRATASYNC_ADDRESS="none of an address")
    for job, ended in ((jobs["webhook"], told), (jobs["slack"], lost)):
        pod = sync.kubelet.run(job["metadata"]["name"], namespace=sync.namespace)
        if ended.code == 0:
            sync.kubelet.succeeded(pod, namespace=sync.namespace, message=ended.words)
        else:
            sync.kubelet.failed(pod, namespace=sync.namespace, code=ended.code, message=ended.words)
    held_up = sync.kubelet.next_pod(jobs["teams"]["metadata"]["name"], namespace=sync.namespace)
    sync.kubelet.held_up(
        held_up,
        namespace=sync.namespace,
        reason="CreateContainerConfigError",
        message='secret "gone" not found',
    )
    wait_until(lambda: sync.events().count("NotificationFailed") == 2, timeout_s=90, what="events")

    assert (told.code, lost.code) == (0, 78)
    ((_, path, _, body),) = listener.calls
    assert path == "/s3cret"
    assert body == news_of(jobs["webhook"])
    assert [each["occasion"] for each in body["begun"]] == ["Failure"]
    events = sync.api.list("Event", namespace=sync.namespace)
    said = "; ".join(e["message"] for e in events if e["reason"] == "NotificationFailed")
    assert "the channel's address is none" in said
    assert "none of an address" not in said
    assert (
        f'pod {held_up} does not start: CreateContainerConfigError: secret "gone" not found' in said
    )
    assert "activeRun" not in sync.status(), "notifications are no runs"


def test_what_a_quota_keeps_from_being_told_is_told_once_it_is_lifted(sync: Sync) -> None:
    sync.quota(**{"count/jobs.batch": "0"})
    sync.apply(notify=[DESK])
    owed = sync.until(lambda status: status.get("news", {}).get("owed"))
    wait_until(lambda: "NotificationFailed" in sync.events(), timeout_s=30, what="an event")
    assert notifications(sync) == []

    sync.lift_quota()
    sync.until(lambda status: "owed" not in status.get("news", {}))

    (job,) = notifications(sync)
    news = news_of(job)
    assert news["id"] == owed["news"]["owed"]["id"]
    assert [each["reason"] for each in news["begun"]] == ["JobRefused"]
    assert sync.events().count("NotificationFailed") == 1
