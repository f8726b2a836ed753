"""Every way in which a run goes wrong is shown within a minute, everywhere, and its advised mend starts a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

import pytest
from tests.cluster.api import Object, condition_of
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kubelet import Kubelet
from tests.cluster.processes import NotReady, wait_until
from tests.cluster.rooms import operator_of_rooms, rooms_for
from tests.cluster.running import RunningOperator
from tests.cluster.syncs import Sync
from tests.cluster.ways import WAYS, Way, enforce

SHOWN_WITHIN_S = 60


@pytest.fixture(scope="module")
def node(control_plane: ControlPlane) -> Iterator[Kubelet]:
    with Kubelet(control_plane) as played:
        yield played


@pytest.fixture(scope="module")
def rooms(control_plane: ControlPlane) -> Iterator[Mapping[str, str]]:
    with rooms_for(control_plane, (way.name for way in WAYS)) as made:
        yield made


@pytest.fixture(scope="module")
def operator(
    control_plane: ControlPlane,
    rooms: Mapping[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningOperator]:
    with operator_of_rooms(control_plane, rooms, tmp_path_factory.mktemp("operator")) as running:
        yield running


@pytest.fixture(scope="module")
def syncs(
    control_plane: ControlPlane, operator: RunningOperator, rooms: Mapping[str, str], node: Kubelet
) -> Mapping[str, Sync]:
    """All go wrong at once, so that their minutes pass side by side."""
    del operator
    made = {name: Sync(control_plane.api, node, room) for name, room in rooms.items()}
    for way in WAYS:
        sync = made[way.name]
        for there in way.there:
            control_plane.apply(there, namespace=sync.namespace)
            enforce(sync.api, sync.namespace, there)
        sync.apply(**way.spec)
    for way in WAYS:
        if way.has_job:
            way.play(made[way.name], made[way.name].started())
    return made


@dataclass(frozen=True, slots=True)
class Shown:
    """What a way looks like once it is shown: the metric, the condition Ready, the Jobs that there are."""

    stuck: float
    ready: Object
    jobs: frozenset[str]


@pytest.fixture(scope="module")
def shown(
    control_plane: ControlPlane, operator: RunningOperator, syncs: Mapping[str, Sync]
) -> Mapping[str, Shown]:
    """The ways that ``kubectl get`` shows within the minute, as each looked then; each is mended at once."""
    found: dict[str, Shown] = {}

    def all_shown() -> bool:
        lines = control_plane.kubectl("get", "ssync", "-A", "-o", "wide").splitlines()
        for way in WAYS:
            sync = syncs[way.name]
            sync.kubelet.confirms_stopped(namespace=sync.namespace)
            words = next((line for line in lines if line.startswith(f"{sync.namespace} ")), "")
            if way.name not in found and all(w in words for w in (way.phase, way.reason, way.says)):
                found[way.name] = _as_shown(sync, operator.metrics())
                way.mend(sync)
        return len(found) == len(WAYS)

    with suppress(NotReady):  # each row then says for itself that it is not
        wait_until(all_shown, timeout_s=SHOWN_WITHIN_S, what="all ways to be shown")
    return found


def _as_shown(sync: Sync, scrape: str) -> Shown:
    series = [line for line in scrape.splitlines() if line.startswith("socratasync_run_stuck{")]
    mine = next(line for line in series if f'namespace="{sync.namespace}"' in line)
    return Shown(
        stuck=float(mine.rsplit(" ", 1)[1]),
        ready=condition_of({"status": sync.status()}, "Ready"),
        jobs=frozenset(job["metadata"]["name"] for job in sync.jobs()),
    )


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_a_run_that_goes_wrong_is_shown_within_a_minute_and_its_advice_helps(
    way: Way, syncs: Mapping[str, Sync], shown: Mapping[str, Shown]
) -> None:
    sync = syncs[way.name]

    if way.name not in shown:
        pytest.fail(f"not shown within a minute; it is {sync.status()}")
    assert shown[way.name].stuck == float(way.is_stuck)
    assert shown[way.name].ready["status"] in ("False", "Unknown"), "nothing was ever loaded"
    assert way.says in shown[way.name].ready["message"]
    wait_until(lambda: way.event in sync.events(), timeout_s=10, what=f"event {way.event}")

    job = _next_run(sync, shown[way.name].jobs if way.trigger else frozenset())
    trigger = sync.status()["activeRun"]["trigger"]
    after = {"status": sync.succeed(job)}

    assert trigger == (way.trigger or "Creation")
    assert after["status"]["phase"] == "Synced"
    assert condition_of(after, "Ready")["status"] == "True"
    assert not condition_of(after, "Stalled")


def _next_run(sync: Sync, before: frozenset[str]) -> str:
    """The active Job, once it is none of ``before``."""

    def started() -> str | None:
        sync.kubelet.confirms_stopped(namespace=sync.namespace)
        job = str((sync.status().get("activeRun") or {}).get("job", ""))
        return job if job not in {"", *before} else None

    return wait_until(started, timeout_s=90, what="a run after the advice was followed")
