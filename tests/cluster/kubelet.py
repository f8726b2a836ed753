"""A test plays the kubelet: it binds pods to a node of its own and says what became of them.

The API server, the Job controller and the garbage collector are real and react as they would to a
node; only the containers are missing, so that an eviction or a lost node costs no minutes. Logs are
served over HTTPS on the loopback, where the API server fetches them as from any kubelet.
"""

from __future__ import annotations

import ssl
import threading
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.cluster.api import Api, Object
from tests.cluster.certificates import LOOPBACK
from tests.cluster.controlplane import ControlPlane
from tests.cluster.processes import wait_until

JOB_NAME = "batch.kubernetes.io/job-name"


class Kubelet:
    """A node named ``node``; every verb takes the pod as (namespace, name)."""

    def __init__(self, plane: ControlPlane) -> None:
        self.node = f"node-{uuid.uuid4().hex[:8]}"
        self.api: Api = plane.api
        self._logs: dict[tuple[str, str], str] = {}
        self._server = _log_server(plane, self._logs)

    def __enter__(self) -> Kubelet:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.api.create({"kind": "Node", "metadata": {"name": self.node}})
        port = {"kubeletEndpoint": {"Port": self._server.server_port}}
        address = [{"type": "InternalIP", "address": LOOPBACK}]
        status = {"addresses": address, "daemonEndpoints": port}
        self.api.patch("Node", self.node, {"status": status}, part="status")
        return self

    def __exit__(self, *_: object) -> None:
        self.api.delete("Node", self.node)
        self._server.shutdown()
        self._server.server_close()

    def pods_of(self, job: str, *, namespace: str) -> list[Object]:
        """The pods of a Job, oldest first."""
        pods = self.api.list("Pod", namespace=namespace, selector=f"{JOB_NAME}={job}")
        return sorted(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))

    def next_pod(self, job: str, *, namespace: str, timeout_s: float = 40) -> str:
        """The name of the Job's pod that waits for a node, once there is one.

        After a failure the Job controller waits ten seconds before it makes the next pod.
        """

        def waiting() -> Object | None:
            pods = self.pods_of(job, namespace=namespace)
            return next((pod for pod in pods if _waits_for_a_node(pod)), None)

        what = f"a pod of Job {namespace}/{job} that waits for a node"
        return str(wait_until(waiting, timeout_s=timeout_s, what=what)["metadata"]["name"])

    def bind(self, pod: str, *, namespace: str) -> None:
        """What the scheduler does: the pod belongs to this node from now on."""
        target = {"apiVersion": "v1", "kind": "Node", "name": self.node}
        body = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod}, "target": target}
        self.api.call("POST", f"/api/v1/namespaces/{namespace}/pods/{pod}/binding", body)

    def run(self, job: str, *, namespace: str) -> str:
        """Takes the Job's next pod and runs it; its name."""
        pod = self.next_pod(job, namespace=namespace)
        self.bind(pod, namespace=namespace)
        self.running(pod, namespace=namespace)
        return pod

    def unschedulable(self, pod: str, *, namespace: str, message: str) -> None:
        """What the scheduler says when no node fits."""
        condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
        body = {"status": {"phase": "Pending", "conditions": [{**condition, "message": message}]}}
        self.api.patch("Pod", pod, body, namespace=namespace, part="status")

    def waits(self, pod: str, *, namespace: str, reason: str, message: str) -> None:
        """The container is not started, for a ``reason`` that lasts."""
        state = {"waiting": {"reason": reason, "message": message}}
        self._report(pod, namespace, "Pending", state)

    def running(self, pod: str, *, namespace: str) -> None:
        """The container started and is ready."""
        state = {"running": {"startedAt": _now()}}
        self._report(pod, namespace, "Running", state, ready=True)

    def held_up(self, pod: str, *, namespace: str, reason: str, message: str) -> None:
        """The pod is on its node, and its container cannot be made."""
        state = {"waiting": {"reason": reason, "message": message}}
        self._report(pod, namespace, "Pending", state)

    def succeeded(self, pod: str, *, namespace: str, message: str = "") -> None:
        """The container exited with 0 and left ``message`` in its termination log."""
        self._exited(pod, namespace, "Succeeded", code=0, reason="Completed", message=message)

    def failed(self, pod: str, *, namespace: str, code: int, message: str = "") -> None:
        """The container exited with ``code`` and left ``message``."""
        self._exited(pod, namespace, "Failed", code=code, reason="Error", message=message)

    def killed_for_memory(self, pod: str, *, namespace: str) -> None:
        """The kernel killed the container at its memory limit: no message, exit code 137."""
        self._exited(pod, namespace, "Failed", code=137, reason="OOMKilled")

    def cannot_run(self, pod: str, *, namespace: str) -> None:
        """The runtime could not start the container's program: it never ran, and yet it has ended."""
        self._exited(pod, namespace, "Failed", code=128, reason="StartError")

    def evicted(self, pod: str, *, namespace: str) -> None:
        """The node ran short and ended the pod; podFailurePolicy sees a disruption."""
        state = _terminated(code=137, reason="Error", message="")
        self._report(
            pod,
            namespace,
            "Failed",
            state,
            reason="Evicted",
            message="The node was low on resource: memory.",
            conditions=[_disruption("TerminationByKubelet")],
        )

    def lost(self, pod: str, *, namespace: str) -> None:
        """The node went with the pod: what pod garbage collection does, without its minutes."""
        condition = _disruption("DeletionByPodGC")
        body = {"status": {"phase": "Failed", "conditions": [condition]}}
        self.api.patch("Pod", pod, body, namespace=namespace, part="status")
        self.api.delete("Pod", pod, namespace=namespace, grace_s=0)

    def stops_deleted(self, pod: str, *, namespace: str, code: int = 143) -> None:
        """Ends a pod that was deleted: SIGTERM reached the container, then the pod goes."""
        self._exited(pod, namespace, "Failed", code=code, reason="Error")
        self.api.delete("Pod", pod, namespace=namespace, grace_s=0)

    def confirms_stopped(self, *, namespace: str) -> None:
        """Pods that are being deleted stop and go, as a node lets them."""
        for pod in self.api.list("Pod", namespace=namespace):
            if "deletionTimestamp" in pod["metadata"]:
                self.stops_deleted(pod["metadata"]["name"], namespace=namespace)

    def log(self, pod: str, text: str, *, namespace: str) -> None:
        """What the container has logged so far; replaces what was there."""
        self._logs[namespace, pod] = text

    def _exited(
        self, pod: str, namespace: str, phase: str, *, code: int, reason: str, message: str = ""
    ) -> None:
        self._report(pod, namespace, phase, _terminated(code=code, reason=reason, message=message))

    def _report(
        self,
        pod: str,
        namespace: str,
        phase: str,
        state: Object,
        *,
        ready: bool = False,
        reason: str = "",
        message: str = "",
        conditions: Sequence[Object] = (),
    ) -> None:
        spec = self.api.get("Pod", pod, namespace=namespace)["spec"]
        status: dict[str, Any] = {
            "phase": phase,
            "reason": reason or None,
            "message": message or None,
            "startTime": _now(),
            "conditions": [{"type": "Ready", "status": str(ready)}, *conditions],
            "containerStatuses": [
                _container_status(container, state, ready=ready) for container in spec["containers"]
            ],
        }
        self.api.patch("Pod", pod, {"status": status}, namespace=namespace, part="status")


def _waits_for_a_node(pod: Object) -> bool:
    return (
        pod["status"].get("phase") == "Pending"
        and "nodeName" not in pod["spec"]
        and "deletionTimestamp" not in pod["metadata"]
    )


def _container_status(container: Object, state: Object, *, ready: bool) -> Object:
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": f"sha256:{'0' * 64}",
        "containerID": "containerd://played",
        "ready": ready,
        "started": ready,
        "restartCount": 0,
        "state": state,
    }


def _terminated(*, code: int, reason: str, message: str) -> Object:
    ended = {"exitCode": code, "reason": reason, "message": message or None}
    return {"terminated": {**ended, "startedAt": _now(), "finishedAt": _now()}}


def _disruption(reason: str) -> Object:
    return {"type": "DisruptionTarget", "status": "True", "reason": reason, "message": "played"}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _log_server(plane: ControlPlane, logs: dict[tuple[str, str], str]) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        """GET /containerLogs/NAMESPACE/POD/CONTAINER, with tailLines; no following."""

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            _, kind, namespace, pod, _container = path.split("/")
            text = logs.get((namespace, pod), "") if kind == "containerLogs" else ""
            body = _tail(text, query).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Tests read what the API server says, not this."""

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(plane.pki / "kubelet.crt", plane.pki / "kubelet.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return server


def _tail(text: str, query: str) -> str:
    wanted = dict(pair.split("=", 1) for pair in query.split("&") if "=" in pair)
    lines = text.splitlines(keepends=True)
    return "".join(lines[-int(wanted["tailLines"]) :] if "tailLines" in wanted else lines)
