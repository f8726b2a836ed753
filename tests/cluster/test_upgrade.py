"""From each release that is kept to this checkout, while a run is under way: nothing is lost, doubled or begun anew.

What that release left stands in ``tests/releases``: its definition, a SocrataSync with its status, the Job.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.cluster.api import Object
from tests.cluster.conftest import install_crd, make_namespace
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kubelet import Kubelet
from tests.cluster.processes import wait_until
from tests.cluster.running import ACCOUNT, RunningOperator, allow_in_namespace
from tests.cluster.syncs import Sync
from tests.releases.states import STATES, State

from socratasync.controller.observed.labels import TRIGGER, slot_job_name
from socratasync.times import read_instant

SINCE = timedelta(minutes=90)
"""How long ago the state was left: the hourly schedule had a time since, which waits for the run."""

TOLD_ANEW = {"conditions", "activeRun", "nextScheduleTime", "slotsSettledThrough", "phase"}
"""What an operator may say otherwise when it first looks; all else it was told, and only keeps."""


@pytest.fixture
def plane(own_control_plane: ControlPlane) -> Iterator[ControlPlane]:
    """A control plane that may have an older definition; it has this checkout's again afterwards."""
    yield own_control_plane
    install_crd(own_control_plane)


def restore(plane: ControlPlane, sync: Sync, state: State) -> Object:
    """The namespace as the release left it, its Job at work; the status that is stored."""
    shift = datetime.now(UTC) - SINCE - state.frozen
    definition = ("--server-side", "--force-conflicts", "-f", str(state.definition))
    plane.kubectl("apply", *definition)
    plane.kubectl("wait", "--for=condition=Established", "-f", str(state.definition))
    made, job = state.sync(shift), state.job(shift)
    status = made.pop("status")
    made["metadata"] = _without_the_servers(made["metadata"])
    uid = sync.api.create(made, namespace=sync.namespace)["metadata"]["uid"]
    _create_job(sync, job, uid)
    status["activeRun"]["uid"] = sync.jobs()[0]["metadata"]["uid"]
    path = f"/apis/socratasync.dev/v1alpha1/namespaces/{sync.namespace}/socratasyncs/{sync.name}"
    sync.api.call("PATCH", f"{path}/status", {"status": status}, patch="merge")
    return sync.status()


def _create_job(sync: Sync, job: Object, owner: str) -> None:
    job["metadata"] = _without_the_servers(job["metadata"])
    job["metadata"]["ownerReferences"][0]["uid"] = owner
    job.pop("status")
    for made_by_the_server in ("selector", "manualSelector"):
        job["spec"].pop(made_by_the_server)
    labels = job["spec"]["template"]["metadata"]["labels"]
    for label in [label for label in labels if label.endswith(("controller-uid", "job-name"))]:
        del labels[label]
    sync.api.create(job, namespace=sync.namespace)


def _without_the_servers(metadata: Object) -> Object:
    kept = ("name", "labels", "annotations", "ownerReferences")
    return {name: metadata[name] for name in kept if name in metadata}


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.release)
def test_a_run_under_way_is_followed_recorded_once_and_the_next_comes_as_scheduled(
    state: State, plane: ControlPlane, tmp_path: Path
) -> None:
    namespace = make_namespace(plane)
    allow_in_namespace(plane, namespace)
    kubeconfig = plane.kubeconfig_for(ACCOUNT, namespace=namespace)
    with Kubelet(plane) as kubelet:
        sync = Sync(plane.api, kubelet, namespace)
        before = restore(plane, sync, state)
        run = before["activeRun"]["job"]
        pod = sync.at_work(run)

        install_crd(plane)
        assert sync.status() == before  # the new definition drops no field of it
        with RunningOperator(kubeconfig, tmp_path / "operator.log", [namespace]) as operator:
            wait_until(lambda: operator_has_looked(operator), timeout_s=30, what="the first look")
            looked = sync.status()
            assert {k: v for k, v in looked.items() if k not in TOLD_ANEW} == {
                k: v for k, v in before.items() if k not in TOLD_ANEW
            }
            assert looked["activeRun"]["job"] == run
            assert [job["metadata"]["name"] for job in sync.jobs()] == [run]

            after = sync.succeed(run, pod)
            assert [each["job"] for each in after["history"]] == [
                run,
                *(each["job"] for each in before["history"]),
            ]
            assert after["lastRun"]["result"] == "Succeeded"

            following = sync.until(lambda s: s.get("activeRun", {}).get("job") not in (None, run))
            jobs = {job["metadata"]["name"]: job for job in sync.jobs()}
            slot = read_instant(following["activeRun"]["scheduledAt"])
            assert slot.minute == 0
            assert before["slotsSettledThrough"] < following["activeRun"]["scheduledAt"]
            assert following["activeRun"]["job"] == slot_job_name(sync.name, slot)
            assert jobs.keys() == {run, following["activeRun"]["job"]}
            assert jobs[following["activeRun"]["job"]]["metadata"]["labels"][TRIGGER] == "Schedule"
            assert sync.events().count("SyncSucceeded") == 1


def operator_has_looked(operator: RunningOperator) -> bool:
    """Whether it tells in its metrics of the sync's active run."""
    return "socratasync_active_run_start_timestamp_seconds{" in operator.metrics()
