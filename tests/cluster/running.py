"""The operator as users run it: a process of its own, with a ServiceAccount's token and no more.

Its rights are those of manifests/; its way to the API server may lead through a wiretap.
"""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import yaml
from tests.cluster.certificates import LOOPBACK
from tests.cluster.controlplane import ControlPlane
from tests.cluster.processes import NotReady, free_ports, wait_until

ROOT = Path(__file__).parents[2]
ACCOUNT = "socratasync"
IMAGE = "registry.example.org/socratasync:test"


class RunningOperator:
    """Use as a context manager, or ``start`` and ``kill`` it as often as you like."""

    def __init__(
        self,
        kubeconfig: Path,
        log: Path,
        namespaces: Sequence[str] = (),
        flags: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.log = log
        self.health_port, self.metrics_port, self.page_port = free_ports(3)
        self._kubeconfig = kubeconfig
        self._flags = [*(f"--namespace={name}" for name in namespaces), *flags]
        self._environ = environ or {"SOCRATASYNC_IMAGE": IMAGE}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> RunningOperator:
        self.start()
        self.wait_ready()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Starts the process and returns at once."""
        command = [sys.executable, "-m", "socratasync", "operator"]
        command += [f"--health-port={self.health_port}", f"--metrics-port={self.metrics_port}"]
        command += [f"--status-page-port={self.page_port}"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *self._flags],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_ready(self, timeout_s: float = 60) -> None:
        """Returns once /readyz says ok. Raises ``NotReady`` with the log if it does not."""

        def ready() -> bool:
            if not self.is_running:
                raise NotReady(f"the operator ended: {self.words()}")
            return self.probe("readyz") == 200

        try:
            wait_until(ready, timeout_s=timeout_s, what="the operator to be ready")
        except NotReady as exc:
            raise NotReady(f"{exc}: {self.words()}") from None

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL: not one line more of it runs."""
        if self._process is not None:
            self._process.kill()

    def pause(self) -> None:
        """SIGSTOP: it does nothing, and does not know, until ``resume``."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def wait_ended(self, timeout_s: float = 30) -> int:
        """The exit code, once the process has ended."""
        assert self._process is not None
        return self._process.wait(timeout=timeout_s)

    def stop(self) -> int | None:
        """SIGTERM, and the exit code; None if it was never started."""
        if self._process is None:
            return None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=10)
            raise NotReady(f"the operator did not end on SIGTERM: {self.words()}") from None

    def probe(self, path: str) -> int:
        """The HTTP status of a probe; 0 while nobody answers."""
        return self._get(self.health_port, path)[0]

    def metrics(self) -> str:
        """What a scrape gets."""
        code, text = self._get(self.metrics_port, "metrics")
        assert code == 200, f"/metrics answers {code}: {self.words()}"
        return text

    def page(self, path: str = "") -> tuple[int, str]:
        """Code and text of the status page, or of what is beside it; 0 while nobody answers."""
        return self._get(self.page_port, path)

    def _get(self, port: int, path: str) -> tuple[int, str]:
        """Code and text; no library that keeps a socket when the operator is killed in mid-answer."""
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=30)
        try:
            connection.request("GET", f"/{path}")
            with connection.getresponse() as answer:
                return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def resident_mib(self) -> float:
        """Resident memory."""
        assert self._process is not None
        return float(psutil.Process(self._process.pid).memory_info().rss) / 2**20

    def cpu_seconds(self) -> float:
        """CPU time used so far."""
        assert self._process is not None
        times = psutil.Process(self._process.pid).cpu_times()
        return float(times.user + times.system)

    def words(self) -> str:
        """The end of the log."""
        return "".join(self.log.read_text(errors="replace").splitlines(keepends=True)[-40:])

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {
            **kept,
            "KUBECONFIG": str(self._kubeconfig),
            "PYTHONPATH": str(ROOT / "operator"),
            "NO_PROXY": LOOPBACK,
            **self._environ,
        }


def allow_in_namespace(plane: ControlPlane, namespace: str, *, account_in: str = "") -> None:
    """The shipped Role in ``namespace``, for a ServiceAccount there or in ``account_in``."""
    home = account_in or namespace
    _make_account(plane, home)
    role, binding = _shipped("namespaced/role.yaml"), _shipped("namespaced/role-binding.yaml")
    binding["subjects"] = [_subject(home)]
    for each in (role, binding):
        each["metadata"].pop("namespace", None)
    plane.apply(role, binding, namespace=namespace)


def allow_everywhere(plane: ControlPlane, namespace: str) -> str:
    """The shipped ClusterRole, for a ServiceAccount that lives in ``namespace``; its name and its binding's."""
    _make_account(plane, namespace)
    role, binding = _shipped("cluster-role.yaml"), _shipped("cluster-role-binding.yaml")
    role["metadata"]["name"] = binding["metadata"]["name"] = f"socratasync-{namespace}"
    binding["roleRef"]["name"] = role["metadata"]["name"]
    binding["subjects"] = [_subject(namespace)]
    plane.apply(role, binding)
    return str(role["metadata"]["name"])


def allow_election(plane: ControlPlane, namespace: str) -> None:
    """The shipped Role for the Lease, beside what was allowed otherwise."""
    role = _shipped("leader-election/role.yaml")
    binding = _shipped("leader-election/role-binding.yaml")
    binding["subjects"] = [_subject(namespace)]
    plane.apply(role, binding, namespace=namespace)


def _make_account(plane: ControlPlane, namespace: str) -> None:
    if plane.api.find("ServiceAccount", ACCOUNT, namespace=namespace) is None:
        account = {"kind": "ServiceAccount", "metadata": {"name": ACCOUNT}}
        plane.api.create(account, namespace=namespace)


def _shipped(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "manifests" / name).read_text())
    return found


def _subject(namespace: str) -> dict[str, str]:
    return {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}
