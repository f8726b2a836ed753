"""What an operator is told once for all runs is on every Job, and the image is that of its own pod."""

from __future__ import annotations

from pathlib import Path

from tests.cluster.api import Api, Object
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kubelet import Kubelet
from tests.cluster.processes import wait_until
from tests.cluster.running import ACCOUNT, RunningOperator, allow_in_namespace
from tests.cluster.syncs import Sync

DEFAULTS = """
labels: {kueue.x-k8s.io/queue-name: nightly}
userIds: FromCluster
caBundle: {configMapKeyRef: {name: trust, key: ca.crt}}
resources: {limits: {memory: 64Mi}}
podTemplate:
  imagePullSecrets: [{name: registry}]
  tolerations: [{key: batch, operator: Exists}]
  env: [{name: HTTPS_PROXY, value: "http://proxy.example:3128"}]
"""


def operators_pod(image: str) -> Object:
    """A pod like the operator's, which a mesh gave a container of its own."""
    locked = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    containers = [
        {"name": name, "image": each, "securityContext": locked}
        for name, each in (("mesh", "registry.example.org/mesh:1"), ("operator", image))
    ]
    return {"kind": "Pod", "metadata": {"name": "operator-1"}, "spec": {"containers": containers}}


def test_jobs_have_the_defaults_and_the_image_of_the_operators_own_pod(
    control_plane: ControlPlane, api: Api, namespace: str, kubelet: Kubelet, tmp_path: Path
) -> None:
    allow_in_namespace(control_plane, namespace)
    kubeconfig = control_plane.kubeconfig_for(ACCOUNT, namespace=namespace)
    file = tmp_path / "defaults.yaml"
    file.write_text(DEFAULTS)
    operator = RunningOperator(
        kubeconfig,
        tmp_path / "operator.log",
        [namespace],
        [f"--job-defaults={file}"],
        {"POD_NAME": "operator-1", "POD_NAMESPACE": namespace},
    )
    operator.start()
    try:
        wait_until(lambda: "there is no pod" in operator.words(), timeout_s=60, what="a warning")
        assert operator.probe("readyz") == 503
        api.create(operators_pod("mirror.example.org/socratasync:9"), namespace=namespace)
        operator.wait_ready()
        sync = Sync(api, kubelet, namespace)
        sync.apply()
        name = sync.started()
        (job,) = sync.jobs()
        pod = api.get("Pod", kubelet.next_pod(name, namespace=namespace), namespace=namespace)
        status = sync.succeed(name)
    finally:
        assert operator.stop() == 0, operator.words()

    container = pod["spec"]["containers"][0]
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "nightly"
    assert container["image"] == "mirror.example.org/socratasync:9"
    assert container["resources"]["limits"] == {"memory": "64Mi"}
    assert {"name": "HTTPS_PROXY", "value": "http://proxy.example:3128"} in container["env"]
    assert pod["spec"]["imagePullSecrets"] == [{"name": "registry"}]
    assert "batch" in [toleration["key"] for toleration in pod["spec"]["tolerations"]]
    assert "runAsUser" not in pod["spec"]["securityContext"]
    assert status["lastRun"]["result"] == "Succeeded"


def test_a_job_that_a_queue_holds_back_is_a_run_that_waits(
    control_plane: ControlPlane, api: Api, namespace: str, kubelet: Kubelet, tmp_path: Path
) -> None:
    allow_in_namespace(control_plane, namespace)
    kubeconfig = control_plane.kubeconfig_for(ACCOUNT, namespace=namespace)
    with RunningOperator(kubeconfig, tmp_path / "operator.log", [namespace]):
        sync = Sync(api, kubelet, namespace)
        sync.apply()
        name = sync.started()
        api.patch("Job", name, {"spec": {"suspend": True}}, namespace=namespace)
        wait_until(
            lambda: not kubelet.pods_of(name, namespace=namespace),
            timeout_s=60,
            what="the pod to go",
        )
        held = sync.until(lambda status: "is suspended" in status["activeRun"].get("message", ""))
        api.patch("Job", name, {"spec": {"suspend": False}}, namespace=namespace)
        status = sync.succeed(name)

    assert held["phase"] == "Pending"
    assert "lastRun" not in held
    assert status["lastRun"]["result"] == "Succeeded"
