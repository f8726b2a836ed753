"""The operator is killed at each of its calls in turn and started again: the outcome is the same.

A kill before the API server has seen a write and one after it has answered are different worlds; both
are tried, for every write of a run's life from apply to recorded result. A read changes nothing, so
once each is enough.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from tests.cluster.api import Api, Object
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kubelet import Kubelet
from tests.cluster.processes import wait_until
from tests.cluster.running import ACCOUNT, RunningOperator, allow_in_namespace
from tests.cluster.syncs import Sync, report
from tests.cluster.wiretap import Call, Wiretap


class KillAt:
    """Kills the operator at its ``nth`` call that writes (or reads) Jobs, pods, statuses or events."""

    def __init__(self, operator: RunningOperator, nth: int, *, writes: bool) -> None:
        self._operator = operator
        self._left = nth
        self._writes = writes
        self.killed_at: Call | None = None

    def __call__(self, call: Call) -> None:
        if call.watches or call.writes != self._writes or "/namespaces/" not in call.path:
            return
        self._left -= 1
        if self._left == 0:
            self.killed_at = call
            self._operator.kill()
            raise ConnectionAbortedError("the operator is dead")


@pytest.mark.parametrize(
    ("moment", "writes", "lives"),
    [
        pytest.param("before", True, 6, id="before each write"),
        pytest.param("after", True, 6, id="after each write"),
        pytest.param("before", False, 5, id="before each read"),
    ],
)
def test_killed_at_any_call_it_ends_as_if_never_killed(
    moment: str,
    writes: bool,
    lives: int,
    control_plane: ControlPlane,
    namespace: str,
    api: Api,
    kubelet: Kubelet,
    tmp_path: Path,
) -> None:
    allow_in_namespace(control_plane, namespace)
    deaths: Counter[str] = Counter()
    with Wiretap(control_plane) as tap:
        kubeconfig = control_plane.kubeconfig_for(ACCOUNT, namespace=namespace, url=tap.url)
        with RunningOperator(kubeconfig, tmp_path / "operator.log", [namespace]) as operator:
            for nth in range(1, lives + 1):
                sync = Sync(api, kubelet, namespace, name=f"sync-{nth}")
                killer = KillAt(operator, nth, writes=writes)
                setattr(tap, moment, killer)
                sync.apply()
                status = _live_through(sync, operator)
                setattr(tap, moment, lambda _: None)
                _expect_one_good_run(sync, status)
                if killer.killed_at:
                    deaths[_said(killer.killed_at)] += 1
                if not operator.is_running:
                    operator.start()
                operator.wait_ready()

    if writes:
        assert deaths == {"POST jobs": 1, "POST events": 2, "PATCH status": 2}
    else:
        assert sum(deaths.values()) == lives


def _said(call: Call) -> str:
    return f"{call.method} {call.path.split('/')[-1]}"


def _live_through(sync: Sync, operator: RunningOperator) -> Object:
    """Play the kubelet until the run is recorded, starting the operator anew whenever it is dead."""
    ended = False

    def over() -> Object | None:
        nonlocal ended
        if not operator.is_running:
            operator.start()
        # A run that ended before its start was written would need a write less.
        if not ended and sync.status().get("activeRun") and (jobs := sync.jobs()):
            job = str(jobs[0]["metadata"]["name"])
            pods = sync.kubelet.pods_of(job, namespace=sync.namespace)
            if pods:
                pod = sync.kubelet.run(job, namespace=sync.namespace)
                sync.kubelet.succeeded(pod, namespace=sync.namespace, message=report(job))
                ended = True
        status = sync.status()
        return status if status.get("lastRun") and "SyncSucceeded" in sync.events() else None

    return wait_until(over, timeout_s=90, what=f"the run of {sync.name}: {operator.words()}")


def _expect_one_good_run(sync: Sync, status: Object) -> None:
    assert status["lastRun"]["result"] == "Succeeded"
    assert len(status["history"]) == 1
    assert status["phase"] == "Synced"
    assert "activeRun" not in status
    assert len(sync.jobs()) == 1
    assert sorted(sync.events()) == ["SyncStarted", "SyncSucceeded"]
