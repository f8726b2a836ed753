"""A network of the node's own: a namespace whose ports and addresses never meet the machine's.

The test process enters it, and so does all that it starts from then on. ``ip netns exec`` would not
do: it hides /sys/fs/cgroup, which the kubelet needs.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAMESPACE = "socratasync-e2e"
ADDRESS = "10.89.0.1"
"""The node's address. Pods reach what listens on it; nothing outside the namespace does."""

_NAMESPACES = Path("/run/netns")
_CLONE_NEWNET = 0x40000000


def exists() -> bool:
    """Whether the namespace is there."""
    return (_NAMESPACES / NAMESPACE).exists()


def make() -> None:
    """Makes the namespace, with the address on its loopback: not every kernel has dummy devices."""
    if not exists():
        _run("ip", "netns", "add", NAMESPACE)
    with entered():
        _run("ip", "link", "set", "lo", "up")
        _run("ip", "address", "replace", f"{ADDRESS}/32", "dev", "lo")
        _run("ip", "route", "replace", "default", "dev", "lo")
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def remove() -> None:
    """Removes the namespace. Nothing happens when it is not there."""
    if exists():
        _run("ip", "netns", "delete", NAMESPACE)


@contextmanager
def entered(namespace: str = NAMESPACE) -> Iterator[None]:
    """This thread, its children and the threads it starts are in the namespace for that long."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _set_namespace(_NAMESPACES / namespace)
        yield
    finally:
        _set_namespace(home)
        os.close(home)


def _set_namespace(where: Path | int) -> None:
    # os.setns came with Python 3.12.
    file = os.open(where, os.O_RDONLY) if isinstance(where, Path) else os.dup(where)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(file, _CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"entering {where}: {os.strerror(number)}")
    finally:
        os.close(file)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)
