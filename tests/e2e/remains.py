"""What a node leaves in the kernel: containers, mounts, network namespaces, control groups.

Only what carries this node's folder or name is touched.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.cluster.processes import NotReady, wait_until
from tests.e2e.nodeconfig import CGROUP


def make_cgroup() -> None:
    """The node's own branch in every hierarchy, so that its pods never mix with another kubelet's."""
    for root in _cgroup_roots():
        (root / CGROUP).mkdir(exist_ok=True)


def end_containers(folder: Path) -> None:
    """Kills what containerd still runs, and gives back the pods' network namespaces."""
    socket = folder / "run" / "containerd.sock"
    ctr = ["ctr", "-a", str(socket), "--connect-timeout", "3s", "-n", "k8s.io"]
    listed = subprocess.run([*ctr, "containers", "ls", "-q"], capture_output=True, text=True)
    if not socket.exists() or listed.returncode:
        return
    namespaces = set()
    for container in listed.stdout.split():
        info = subprocess.run([*ctr, "containers", "info", container], capture_output=True)
        namespaces |= set(_network_namespaces(info.stdout))
        subprocess.run([*ctr, "tasks", "kill", "-s", "KILL", container], capture_output=True)

    def ended() -> bool:
        asked = subprocess.run([*ctr, "tasks", "ls"], capture_output=True, text=True)
        return "RUNNING" not in asked.stdout

    with suppress(NotReady):  # what would not die is in the message of the unmounting that fails
        wait_until(ended, timeout_s=15, what="containers to end")
    for container in listed.stdout.split():  # ends its shim, which would outlive containerd
        subprocess.run([*ctr, "tasks", "rm", "-f", container], capture_output=True)
    for name in namespaces:
        subprocess.run(["ip", "netns", "delete", name], capture_output=True)


def remove(folder: Path) -> None:
    """Unmounts what lies in ``folder``, removes it, and the control groups."""
    mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for point in sorted((p for p in mounted if p.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "--lazy", point], check=True)
    shutil.rmtree(folder, ignore_errors=True)
    for root in _cgroup_roots():
        branches = [p for p in (root / CGROUP).rglob("*") if p.is_dir()]
        for branch in [*sorted(branches, key=lambda p: -len(p.parts)), root / CGROUP]:
            with suppress(OSError):  # gone, or still holding a process that is about to go
                branch.rmdir()


def _network_namespaces(info: bytes) -> Iterator[str]:
    with suppress(ValueError, KeyError, TypeError):
        for namespace in json.loads(info)["Spec"]["linux"]["namespaces"]:
            path = Path(namespace.get("path", ""))
            if namespace["type"] == "network" and path.name.startswith("cni-"):
                yield path.name


def _cgroup_roots() -> list[Path]:
    mounts = (line.split() for line in Path("/proc/mounts").read_text().splitlines())
    return list(
        {Path(where).resolve() for _, where, kind, *_ in mounts if kind.startswith("cgroup")}
    )
