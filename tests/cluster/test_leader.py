"""Two operators, of which one works: what becomes of the other when it is killed, stopped, cut off or asleep."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.cluster.api import Api
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kubelet import Kubelet
from tests.cluster.processes import wait_until
from tests.cluster.rights import NEEDED, Right, granted, used
from tests.cluster.running import ACCOUNT, RunningOperator, allow_election, allow_in_namespace
from tests.cluster.syncs import Sync
from tests.cluster.wiretap import Call, Wiretap

from socratasync.controller.leader import LASTS_S
from socratasync.controller.page.html import render_nothing
from socratasync.controller.page.sight import STANDS_BY, NoSight

LEASE = "socratasync"
SOON_S = 8.0
"""To start work after a lease is free: a look every two seconds, and the lists of what there is."""

Start = Callable[[str], RunningOperator]


@pytest.fixture
def tap(control_plane: ControlPlane) -> Iterator[Wiretap]:
    with Wiretap(control_plane) as tap:
        yield tap


@pytest.fixture
def start(
    control_plane: ControlPlane, namespace: str, tap: Wiretap, tmp_path: Path
) -> Iterator[Start]:
    """Starts an operator of that name behind the wiretap; it is ready, whether it works or stands by."""
    allow_in_namespace(control_plane, namespace)
    allow_election(control_plane, namespace)
    kubeconfig = control_plane.kubeconfig_for(ACCOUNT, namespace=namespace, url=tap.url)
    with ExitStack() as running:

        def begin(name: str) -> RunningOperator:
            environ = {
                "POD_NAME": name,
                "POD_NAMESPACE": namespace,
                "SOCRATASYNC_IMAGE": "registry.example.org/socratasync:test",
            }
            flags = [f"--leader-elect={LEASE}", "--status-page"]
            log = tmp_path / f"{name}.log"
            operator = RunningOperator(kubeconfig, log, [namespace], flags, environ)
            return running.enter_context(operator)

        yield begin


@pytest.fixture
def holder(api: Api, namespace: str) -> Callable[[], str]:
    """Who holds the lease: the pod's name."""

    def look() -> str:
        path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{LEASE}"
        identity = api.call("GET", path)["spec"].get("holderIdentity") or ""
        return str(identity).rpartition("_")[0]

    return look


def seconds_until(holds: Callable[[], object], what: str, timeout_s: float = 60) -> float:
    began = time.monotonic()
    wait_until(holds, timeout_s=timeout_s, what=what)
    return time.monotonic() - began


def created(calls: list[Call]) -> int:
    return sum(call.method == "POST" and call.path.endswith("/jobs") for call in calls)


def test_one_works_and_the_other_takes_over_when_it_is_killed_and_when_it_stops(
    start: Start,
    holder: Callable[[], str],
    tap: Wiretap,
    api: Api,
    kubelet: Kubelet,
    namespace: str,
    control_plane: ControlPlane,
) -> None:
    first, second = start("first"), start("second")
    assert holder() == "first"
    sync = Sync(api, kubelet, namespace)
    sync.apply()
    job = sync.started()
    assert "socratasync_info{" in first.metrics()
    assert "socratasync_info{" not in second.metrics()  # no series of a sync comes from two
    assert second.probe("readyz") == second.probe("healthz") == 200
    assert "la-311" in first.page()[1]
    assert second.page() == (503, render_nothing(NoSight(sentence=STANDS_BY)))

    first.kill()
    took = seconds_until(lambda: holder() == "second", "the second operator to take over")
    assert took <= LASTS_S + SOON_S
    status = sync.succeed(job)
    assert len(status["history"]) == 1
    assert sorted(sync.events()) == ["SyncStarted", "SyncSucceeded"]
    assert created(tap.calls) == 1
    assert "succeeded" in second.page()[1]

    third = start("third")
    began = time.monotonic()
    assert second.stop() == 0, second.words()
    seconds_until(lambda: holder() == "third", "the third operator to take over")
    assert time.monotonic() - began <= SOON_S, third.words()
    sync.annotate(requestedAt="again")
    sync.succeed(sync.started(2))
    assert created(tap.calls) == 2

    lease = {right for right in used(tap.calls) if right.resource == "leases"}
    named = {
        right._replace(resource=f"leases[{LEASE}]") for right in lease if right.verb != "create"
    }
    create = Right("create", "coordination.k8s.io", "leases")
    assert create in lease
    mine = granted(control_plane, ACCOUNT, home=namespace, where=namespace)
    assert mine == NEEDED | named | {create}


def test_one_that_stands_by_stops_at_once_and_one_that_cannot_renew_before_another_may_begin(
    start: Start, holder: Callable[[], str], tap: Wiretap
) -> None:
    first, second = start("first"), start("second")

    assert second.stop() == 0, second.words()
    assert first.is_running
    assert holder() == "first"

    def refuse_renewals(call: Call) -> None:
        if "/leases/" in call.path and call.writes:
            raise ConnectionError("the network broke here")

    tap.before = refuse_renewals
    ended = seconds_until(lambda: not first.is_running, "the first operator to end")

    assert ended < LASTS_S
    assert first.wait_ended() == 1
    assert holder() == "first"  # it could not give it back


def test_one_that_slept_writes_nothing_when_it_wakes_up(
    start: Start,
    holder: Callable[[], str],
    tap: Wiretap,
    api: Api,
    kubelet: Kubelet,
    namespace: str,
) -> None:
    first = start("first")
    start("second")
    sync = Sync(api, kubelet, namespace)
    sync.apply()
    job = sync.started()
    first.pause()
    seconds_until(lambda: holder() == "second", "the second operator to take over")
    sync.succeed(job)

    writes = len([call for call in tap.calls if call.writes and "/leases" not in call.path])
    first.resume()
    seconds_until(lambda: not first.is_running, "the first operator to end")

    assert len([c for c in tap.calls if c.writes and "/leases" not in c.path]) == writes
    assert holder() == "second"
