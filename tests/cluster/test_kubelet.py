"""A played kubelet is believed: the real Job controller draws the conclusions that we build on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.cluster.api import Api, Object, Refused, condition_of
from tests.cluster.controlplane import CommandFailed, ControlPlane
from tests.cluster.kubelet import Kubelet

REPORT = '{"v":1,"ok":true}'
PERMANENT = [65, 77, 78]


def restricted_job(name: str, *, retries: int = 2) -> Object:
    """A Job as the operator makes them, as far as outcomes go."""
    container = {
        "name": "worker",
        "image": "example.invalid/worker:1",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }
    rules = [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": PERMANENT}},
    ]
    spec = {
        "backoffLimit": retries,
        "podFailurePolicy": {"rules": rules},
        "template": {"spec": pod},
    }
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}


@pytest.fixture
def job(api: Api, namespace: str) -> str:
    api.create(restricted_job("run"), namespace=namespace)
    return "run"


def has(kind: str) -> Callable[[Object], bool]:
    return lambda obj: condition_of(obj, kind).get("status") == "True"


def test_a_pod_that_succeeded_completes_its_job_and_keeps_its_report(
    api: Api, namespace: str, job: str, kubelet: Kubelet
) -> None:
    pod = kubelet.run(job, namespace=namespace)
    api.wait_for("Job", job, lambda j: j["status"].get("ready") == 1, namespace=namespace)
    kubelet.succeeded(pod, namespace=namespace, message=REPORT)

    api.wait_for("Job", job, has("Complete"), namespace=namespace)

    status = api.get("Pod", pod, namespace=namespace)["status"]
    assert status["containerStatuses"][0]["state"]["terminated"]["message"] == REPORT


@pytest.mark.parametrize("code", PERMANENT)
def test_a_permanent_exit_code_fails_the_job_at_once(
    api: Api, namespace: str, job: str, kubelet: Kubelet, code: int
) -> None:
    pod = kubelet.run(job, namespace=namespace)
    kubelet.failed(pod, namespace=namespace, code=code, message=REPORT)

    failed = api.wait_for("Job", job, has("Failed"), namespace=namespace)

    assert condition_of(failed, "Failed")["reason"] == "PodFailurePolicy"
    assert len(kubelet.pods_of(job, namespace=namespace)) == 1


def test_a_passing_exit_code_is_retried_by_a_second_pod(
    api: Api, namespace: str, job: str, kubelet: Kubelet
) -> None:
    first = kubelet.run(job, namespace=namespace)
    kubelet.failed(first, namespace=namespace, code=75)

    second = kubelet.run(job, namespace=namespace)
    kubelet.succeeded(second, namespace=namespace)

    done = api.wait_for("Job", job, has("Complete"), namespace=namespace)
    assert second != first
    assert done["status"]["failed"] == 1


def test_a_container_killed_for_memory_counts_against_the_backoff_limit(
    api: Api, namespace: str, kubelet: Kubelet
) -> None:
    api.create(restricted_job("small", retries=0), namespace=namespace)
    pod = kubelet.run("small", namespace=namespace)
    kubelet.killed_for_memory(pod, namespace=namespace)

    failed = api.wait_for("Job", "small", has("Failed"), namespace=namespace)

    assert condition_of(failed, "Failed")["reason"] == "BackoffLimitExceeded"
    ended = api.get("Pod", pod, namespace=namespace)["status"]["containerStatuses"][0]["state"]
    assert ended["terminated"]["reason"] == "OOMKilled"


def test_an_evicted_pod_is_replaced_and_costs_no_retry(
    api: Api, namespace: str, kubelet: Kubelet
) -> None:
    api.create(restricted_job("evicted", retries=0), namespace=namespace)
    first = kubelet.run("evicted", namespace=namespace)
    kubelet.evicted(first, namespace=namespace)

    kubelet.succeeded(kubelet.run("evicted", namespace=namespace), namespace=namespace)

    api.wait_for("Job", "evicted", has("Complete"), namespace=namespace)


def test_a_pod_lost_with_its_node_is_replaced_and_costs_no_retry(
    api: Api, namespace: str, kubelet: Kubelet
) -> None:
    api.create(restricted_job("lost", retries=0), namespace=namespace)
    kubelet.lost(kubelet.run("lost", namespace=namespace), namespace=namespace)

    kubelet.succeeded(kubelet.run("lost", namespace=namespace), namespace=namespace)

    api.wait_for("Job", "lost", has("Complete"), namespace=namespace)


def test_a_pod_deleted_in_mid_run_is_replaced(
    api: Api, namespace: str, job: str, kubelet: Kubelet
) -> None:
    pod = kubelet.run(job, namespace=namespace)
    api.delete("Pod", pod, namespace=namespace)
    kubelet.stops_deleted(pod, namespace=namespace)

    kubelet.succeeded(kubelet.run(job, namespace=namespace), namespace=namespace)

    api.wait_for("Job", job, has("Complete"), namespace=namespace)


def test_deleting_the_job_takes_its_pods_along(
    api: Api, namespace: str, job: str, kubelet: Kubelet
) -> None:
    pod = kubelet.run(job, namespace=namespace)
    api.delete("Job", job, namespace=namespace)

    gone = api.wait_for(
        "Pod", pod, lambda p: "deletionTimestamp" in p["metadata"], namespace=namespace
    )
    assert gone["metadata"]["deletionGracePeriodSeconds"] == 30
    kubelet.stops_deleted(pod, namespace=namespace)
    api.wait_gone("Pod", pod, namespace=namespace)


def test_the_api_server_fetches_a_pods_log_from_the_played_kubelet(
    control_plane: ControlPlane, namespace: str, job: str, kubelet: Kubelet
) -> None:
    pod = kubelet.run(job, namespace=namespace)
    kubelet.log(pod, "one\ntwo\nthree\n", namespace=namespace)

    said = control_plane.kubectl("logs", pod, "--namespace", namespace, "--tail=2")

    assert said == "two\nthree\n"


def test_a_pod_that_may_run_as_root_is_refused_by_the_namespace(
    control_plane: ControlPlane, namespace: str
) -> None:
    careless = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "careless"},
        "spec": {"containers": [{"name": "c", "image": "example.invalid/c"}]},
    }

    with pytest.raises(CommandFailed, match="violates PodSecurity"):
        control_plane.apply(careless, namespace=namespace)


def test_a_service_account_has_exactly_the_rights_it_was_given(
    control_plane: ControlPlane, namespace: str
) -> None:
    api = control_plane.api_as("default", namespace=namespace)

    with pytest.raises(Refused) as refusal:
        api.list("Pod", namespace=namespace)

    api.close()
    assert refusal.value.code == 403
    assert f"system:serviceaccount:{namespace}:default" in refusal.value.message
