"""The cluster under test, as a user meets it: kubectl, its plugin, and the image to run.

It is the node that these tests start, or whatever ``KUBECONFIG`` names. The latter needs two more
words: ``SOCRATASYNC_E2E_IMAGE``, an image of this checkout that the cluster can pull, and
``SOCRATASYNC_E2E_ADDRESS``, this machine's address as pods reach it.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster import programs
from tests.cluster.controlplane import CommandFailed
from tests.cluster.processes import wait_until
from tests.e2e import images, network
from tests.e2e.node import FOLDER, Node, stop

Object = dict[str, Any]

KEEP = "SOCRATASYNC_E2E_KEEP"
"""Set: a node that runs is used and left running, for work by hand."""


class NoCluster(Exception):
    """Nothing to test against; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """``address`` is where pods reach servers of this machine."""

    kubeconfig: Path
    image: str
    address: str

    def run(
        self, *command: str, stdin: str = "", timeout_s: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command with kubectl, its plugin and helm on PATH; never raises for its exit code."""
        return subprocess.run(
            command,
            env=self.environment(),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def kubectl(self, *arguments: str, stdin: str = "", timeout_s: float = 120) -> str:
        """What kubectl printed. Raises ``CommandFailed`` with its errors."""
        done = self.run("kubectl", *arguments, stdin=stdin, timeout_s=timeout_s)
        if done.returncode:
            raise CommandFailed(f"kubectl {' '.join(arguments)}: {done.stderr or done.stdout}")
        return done.stdout

    def apply(self, *objects: Mapping[str, Any], namespace: str = "") -> str:
        """``kubectl apply`` of objects."""
        where = ("--namespace", namespace) if namespace else ()
        text = "\n---\n".join(json.dumps(obj) for obj in objects)
        return self.kubectl("apply", *where, "-f", "-", stdin=text)

    def get(self, kind: str, name: str, *, namespace: str) -> Object:
        """The object; an empty one when it is not there."""
        said = self.kubectl(
            *("get", kind, name, "--namespace", namespace, "--ignore-not-found", "-o", "json")
        )
        found: Object = json.loads(said) if said.strip() else {}
        return found

    def list(self, kind: str, *, namespace: str, selector: str = "") -> list[Object]:
        """The objects that a selector matches, oldest first."""
        said = self.kubectl(
            *("get", kind, "--namespace", namespace, "--selector", selector, "-o", "json")
        )
        items: list[Object] = json.loads(said)["items"]
        return sorted(items, key=lambda obj: str(obj["metadata"]["creationTimestamp"]))

    def wait_for(
        self,
        kind: str,
        name: str,
        condition: Callable[[Object], object],
        *,
        namespace: str,
        timeout_s: float = 90,
    ) -> Object:
        """The object once ``condition`` holds. Raises ``NotReady`` with its last status."""
        last: list[Object] = [{}]

        def look() -> Object | None:
            last[0] = self.get(kind, name, namespace=namespace)
            return last[0] if last[0] and condition(last[0]) else None

        try:
            return wait_until(look, timeout_s=timeout_s, what=f"{kind} {namespace}/{name}")
        except AssertionError as exc:
            said = json.dumps(last[0].get("status"), indent=1)
            raise type(exc)(f"{exc}; its status is {said}") from None

    def wait_for_status(
        self,
        name: str,
        condition: Callable[[Object], object],
        *,
        namespace: str,
        timeout_s: float = 90,
    ) -> Object:
        """The status of a SocrataSync once ``condition`` holds for it."""
        found = self.wait_for(
            "socratasync",
            name,
            lambda o: condition(o.get("status") or {}),
            namespace=namespace,
            timeout_s=timeout_s,
        )
        status: Object = found["status"]
        return status

    def environment(self) -> dict[str, str]:
        """That of a user whose kubectl talks to this cluster."""
        ours = ("chart",) if os.environ.get("KUBECONFIG") else ("api", "chart")
        places = {str(path.parent) for path in programs.find(*ours).values()}
        path = os.pathsep.join([str(Path(sys.executable).parent), *places, os.environ["PATH"]])
        direct = f"{self.address},127.0.0.1,10.96.0.1"
        return {**os.environ, "PATH": path, "KUBECONFIG": str(self.kubeconfig), "NO_PROXY": direct}


def why_not() -> str:
    """Why no cluster can be had here; empty when one can."""
    if os.environ.get("KUBECONFIG"):
        missing = [
            name
            for name in ("SOCRATASYNC_E2E_IMAGE", "SOCRATASYNC_E2E_ADDRESS")
            if not os.environ.get(name)
        ]
        if missing:
            return f"KUBECONFIG is set, so set {' and '.join(missing)} too: see {__file__}"
        return "" if shutil.which("kubectl") else "kubectl is not on PATH: install it"
    if sys.platform != "linux" or os.geteuid() != 0:
        return (
            "end-to-end tests start a Kubernetes node, which needs root on Linux: run make e2e as "
            f"root, or set KUBECONFIG to a cluster: see {__file__}"
        )
    return ""


@contextmanager
def cluster() -> Iterator[Cluster]:
    """The cluster for as long as the block lasts, with this process in its network."""
    if given := os.environ.get("KUBECONFIG"):
        yield Cluster(
            kubeconfig=Path(given),
            image=os.environ["SOCRATASYNC_E2E_IMAGE"],
            address=os.environ["SOCRATASYNC_E2E_ADDRESS"],
        )
        return
    with _alone():
        yield from _on_a_node()


def _on_a_node() -> Iterator[Cluster]:
    image = images.build()
    keep = bool(os.environ.get(KEEP))
    if not (keep and network.exists()):
        stop()  # what a killed run left
        network.make()
    try:
        with network.entered():
            node = Node() if keep and Node.is_up() else Node.start()
            node.load(image)
            yield Cluster(kubeconfig=node.plane.kubeconfig, image=image, address=network.ADDRESS)
    finally:
        if not keep:
            stop()


@contextmanager
def _alone() -> Iterator[None]:
    """A machine has one such node; the next run of these tests waits for this one to end."""
    with FOLDER.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stderr.write("waiting for another run of the end-to-end tests on this machine\n")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
