"""A Kubernetes node of real parts on this machine: control plane, kubelet, containerd, kube-proxy.

    python -m tests.e2e.node up        # for work by hand; prints how to talk to it
    python -m tests.e2e.node down

Needs root on Linux. There is one at a time, in a folder and a network namespace of fixed names, so
that what a killed run left is found and removed by the next. No DNS: pods use addresses.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.cluster import processes, programs
from tests.cluster.controlplane import ControlPlane
from tests.cluster.processes import wait_until
from tests.e2e import images, network, nodeconfig, remains

FOLDER = Path(tempfile.gettempdir()) / "socratasync-e2e"
NODE = "node1"
PROGRAMS = ("scheduler", "kubelet", "proxy")


class Node:
    """A running node. Call from within its network (``network.entered``)."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self.folder = folder
        self.plane = ControlPlane(folder / "plane")
        self.socket = folder / "run" / "containerd.sock"

    @classmethod
    def start(cls, folder: Path = FOLDER) -> Node:
        """A node that is Ready. Raises ``NotReady`` with the end of a log when it is not."""
        for part in ("run", "log", "cni", "kubelet"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        remains.make_cgroup()
        ControlPlane.start(folder / "plane", address=network.ADDRESS, node=NODE, controllers=("*",))
        node = cls(folder)
        node._start_containerd()
        node.load(images.pause())
        for name in PROGRAMS:
            node._start(name)
        node._wait_ready()
        return node

    @staticmethod
    def is_up(folder: Path = FOLDER) -> bool:
        """Whether a node runs in ``folder``."""
        return processes.is_running("kubelet", folder=folder)

    def load(self, image: str) -> None:
        """Puts an image of this machine's into the node, as pulling would."""
        with tempfile.TemporaryDirectory() as scratch:
            archive = images.export(image, Path(scratch) / "image.tar")
            self.ctr("images", "import", "--no-unpack", str(archive))

    def ctr(self, *arguments: str) -> str:
        """What containerd's own command line says about the node's containers."""
        command = ["ctr", "-a", str(self.socket), "-n", "k8s.io", *arguments]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def _start_containerd(self) -> None:
        config = nodeconfig.write_containerd(self.folder, pause=images.PAUSE)
        processes.start("containerd", ["containerd", "-c", config], folder=self.folder)

        def answers() -> bool:
            asked = ["ctr", "-a", str(self.socket), "version"]
            return subprocess.run(asked, capture_output=True, check=False).returncode == 0

        wait_until(answers, timeout_s=30, what="containerd")

    def _start(self, name: str) -> None:
        program = "kubelet" if name == "kubelet" else f"kube-{name}"
        path = programs.find("node")[program]
        flags = nodeconfig.flags(name, self.folder, node=NODE, address=network.ADDRESS)
        processes.start(name, [path, *flags], folder=self.folder)

    def _wait_ready(self) -> None:
        def ready() -> bool:
            for name in PROGRAMS:
                assert processes.is_running(name, folder=self.folder), processes.last_words(
                    name, folder=self.folder
                )
            found = self.plane.api.find("Node", NODE) or {}
            conditions = found.get("status", {}).get("conditions", [])
            return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

        wait_until(ready, timeout_s=90, what=f"{NODE} to be Ready (logs in {self.folder}/log)")


def stop(folder: Path = FOLDER) -> None:
    """Stops a node and removes every trace, whoever started it. Nothing happens without one."""
    for name in PROGRAMS:
        processes.stop(name, folder=folder)
    remains.end_containers(folder)
    processes.stop("containerd", folder=folder)
    if (folder / "plane" / "plane.json").exists():
        ControlPlane(folder / "plane").stop()
    remains.remove(folder)
    network.remove()


def main() -> int:
    """The command line."""
    if sys.argv[1:] == ["down"]:
        stop()
        return 0
    if sys.argv[1:] != ["up"]:
        sys.stderr.write(__doc__ or "")
        return 64
    stop()
    image = images.build()
    network.make()
    with network.entered():
        node = Node.start()
        node.load(image)
    sys.stdout.write(
        f"alias kubectl='nsenter --net=/run/netns/{network.NAMESPACE} "
        f"{programs.find('api')['kubectl']} --kubeconfig {node.plane.kubeconfig}'\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
