"""The next year's dataset, from the portal's catalogue into the table and the status: real runs, a real control plane."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tests.cluster.api import Api, Object
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kubelet import Kubelet
from tests.cluster.processes import wait_until
from tests.cluster.running import ACCOUNT, RunningOperator, allow_in_namespace
from tests.cluster.syncs import Sync

from socrata_simulator.http.server import Server
from socrata_simulator.portal.portal import Portal
from socratasync.contract.environment import Secrets, read_assignment
from socratasync.contract.report_text import fit
from socratasync.pipeline.request import RunOptions, RunRequest
from socratasync.pipeline.run import run

COLUMNS = [("name", "text"), ("acres", "number")]
OF_2026, OF_2027 = "park-2026", "park-2027"


@pytest.fixture
def operator(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> Iterator[RunningOperator]:
    allow_in_namespace(control_plane, namespace)
    kubeconfig = control_plane.kubeconfig_for(ACCOUNT, namespace=namespace)
    with RunningOperator(kubeconfig, tmp_path / "operator.log", [namespace]) as running:
        yield running


@pytest.fixture
def sync(api: Api, kubelet: Kubelet, namespace: str) -> Sync:
    return Sync(api, kubelet, namespace, name="parks")


def work(sync: Sync, job: str, dsn: str) -> str:
    """The pod's container does what it was told, and leaves its report; the name of the pod."""
    pod = sync.at_work(job)
    (told,) = (each for each in sync.jobs() if each["metadata"]["name"] == job)
    (container,) = told["spec"]["template"]["spec"]["containers"]
    environ = {each["name"]: each["value"] for each in container["env"] if "value" in each}
    assignment = read_assignment({**environ, "SOCRATASYNC_DSN": dsn})
    request = RunRequest(
        name=assignment.name,
        run=assignment.run,
        spec=assignment.spec,
        mode=assignment.mode,
        dsn=dsn,
        secrets=Secrets(dsn=dsn),
    )
    report = run(request, RunOptions())
    assert report.exit_code == 0, report.as_dict()
    sync.kubelet.succeeded(pod, namespace=sync.namespace, message=fit(report.as_dict()))
    return pod


def killed(operator: RunningOperator) -> None:
    operator.kill()
    operator.wait_ended()


def condition(status: Object) -> tuple[str, str]:
    (found,) = (each for each in status["conditions"] if each["type"] == "SuccessorsLoaded")
    return found["status"], found["reason"]


def rows(dsn: str) -> dict[str, int]:
    with psycopg.connect(dsn) as connection:
        counted = connection.execute("SELECT socrata_dataset, count(*) FROM parks GROUP BY 1")
        return dict(counted.fetchall())


@pytest.mark.interface("SODA2")
def test_what_follows_is_proposed_then_adopted_once_though_the_operator_is_killed_in_between(
    operator: RunningOperator, sync: Sync, portal: Portal, socrata: Server, dsn: str
) -> None:
    portal.add_dataset(OF_2026, COLUMNS, [{"name": "old"}], name="City Parks 2026")
    target = {"dsnSecretRef": {"name": "db"}, "table": "parks", "key": ["name"]}
    datasets = [{"id": OF_2026, "year": 2026}]
    proposed = {"name": "City Parks {year}", "adopt": "Propose"}
    sync.apply(domain=socrata.domain, datasets=datasets, target=target, follow=proposed)
    first = sync.started()
    work(sync, first, dsn)
    assert condition(sync.ended(first)) == ("True", "SuccessorsLoaded")

    portal.add_dataset(OF_2027, COLUMNS, [{"name": "new"}], name="City Parks 2027")
    sync.annotate(requestedAt="seven")
    second = sync.started(2)
    work(sync, second, dsn)
    status = sync.ended(second)
    assert condition(status) == ("False", "SuccessorFound")
    assert [(s["id"], s["year"], s["adopted"]) for s in status["successors"]] == [
        (OF_2027, 2027, False)
    ]
    assert rows(dsn) == {OF_2026: 1}

    sync.edit(follow={"adopt": "Automatic"})
    third = sync.started(3)
    killed(operator)
    work(sync, third, dsn)
    operator.start()
    status = sync.ended(third)
    assert condition(status) == ("True", "SuccessorsLoaded")
    assert [s["adopted"] for s in status["successors"]] == [True]
    assert [each["id"] for each in status["datasets"]] == [OF_2026, OF_2027]
    assert rows(dsn) == {OF_2026: 1, OF_2027: 1}

    portal[OF_2027].insert({"name": "newer"})
    sync.annotate(requestedAt="the day after")
    fourth = sync.started(4)
    killed(operator)
    operator.start()
    work(sync, fourth, dsn)
    status = sync.ended(fourth)
    assert rows(dsn) == {OF_2026: 1, OF_2027: 2}
    assert [s["adopted"] for s in status["successors"]] == [True]
    found = sync.api.get("SocrataSync", sync.name, namespace=sync.namespace)
    assert found["spec"]["datasets"] == datasets, "the spec is never written"

    def told() -> list[str]:
        return [reason for reason in sync.events() if reason.startswith("Successor")]

    wait_until(lambda: len(told()) == 2, timeout_s=10, what="both events")
    assert sorted(told()) == ["SuccessorAdopted", "SuccessorFound"]
