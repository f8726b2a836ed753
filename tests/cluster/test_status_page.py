"""The status page of the real operator: what it shows of a sync's life, and that it asks the cluster nothing for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.api import Api
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kubelet import Kubelet
from tests.cluster.processes import wait_until
from tests.cluster.running import ACCOUNT, RunningOperator, allow_in_namespace
from tests.cluster.syncs import KIND, Sync
from tests.cluster.wiretap import Call, Wiretap

IS_IT_THERE = "/apis/socratasync.dev/v1alpha1"
"""What the operator asks every 20 seconds, whoever looks at it."""


@pytest.fixture
def tap(control_plane: ControlPlane) -> Iterator[Wiretap]:
    with Wiretap(control_plane) as tap:
        yield tap


@pytest.fixture
def namespaces(control_plane: ControlPlane, new_namespace: Callable[[], str]) -> tuple[str, str]:
    """One that is shown, and one that is left out."""
    shown, left_out = new_namespace(), new_namespace()
    for name in (shown, left_out):
        allow_in_namespace(control_plane, name, account_in=shown)
    return shown, left_out


@pytest.fixture
def operator(
    control_plane: ControlPlane, namespaces: tuple[str, str], tap: Wiretap, tmp_path: Path
) -> Iterator[RunningOperator]:
    kubeconfig = control_plane.kubeconfig_for(ACCOUNT, namespace=namespaces[0], url=tap.url)
    flags = ["--status-page", f"--status-page-leave-out={namespaces[1]}"]
    log = tmp_path / "operator.log"
    with RunningOperator(kubeconfig, log, namespaces, flags) as running:
        yield running


def syncs(operator: RunningOperator) -> dict[str, dict[str, Any]]:
    """The syncs of `status.json`, by name."""
    code, text = operator.page("status.json")
    assert code == 200
    return {each["name"]: each for each in json.loads(text)["syncs"]}


def until(
    operator: RunningOperator, holds: Callable[[dict[str, dict[str, Any]]], object]
) -> dict[str, dict[str, Any]]:
    """The syncs once that holds: the status is written a moment before it is shown."""

    def seen() -> dict[str, dict[str, Any]] | None:
        found = syncs(operator)
        return found if holds(found) else None

    return wait_until(seen, timeout_s=20, what="the page")


def test_the_page_shows_how_every_sync_stands_and_asks_the_cluster_nothing(
    operator: RunningOperator,
    namespaces: tuple[str, str],
    api: Api,
    kubelet: Kubelet,
    tap: Wiretap,
) -> None:
    shown, left_out = namespaces
    good, bad, still = (Sync(api, kubelet, shown, name) for name in ("good", "bad", "still"))
    hidden = Sync(api, kubelet, left_out, "hidden")
    still.apply(suspend=True)
    hidden.apply()
    hidden.started()
    good.apply(target={"dsnSecretRef": {"name": "s3cret-db"}, "table": "requests", "key": ["k"]})
    job = good.started()
    assert until(operator, lambda s: "good" in s and s["good"].get("active"))["good"]["active"][
        "start"
    ]
    good.succeed(job)
    bad.apply()
    job = bad.started()
    bad.fail(job, bad.at_work(job), 77, "InvalidAppToken", "the token <b>was</b> refused")
    bad.ended(job)

    found = until(
        operator,
        lambda s: {each["phase"] for each in s.values()} == {"Synced", "Failed", "Suspended"},
    )

    assert list(found) == ["bad", "good", "still"]
    assert [each["needsAttention"] for each in found.values()] == [True, False, False]
    assert found["good"]["rows"] == 100
    assert found["good"]["datasets"][0]["sourceRows"] == 100
    assert [run["result"] for run in found["good"]["runs"]] == ["Succeeded"]
    assert found["bad"]["troubles"][0]["reason"] == "InvalidAppToken"

    code, page = operator.page()
    assert code == 200
    assert "<b>was</b>" not in page
    assert "the token &lt;b&gt;was&lt;/b&gt; refused" in page
    for text in (page, operator.page("status.json")[1]):
        assert left_out not in text
        assert "hidden" not in text
        assert "s3cret" not in text
    assert operator.page("?trouble=1")[1].count("<article") == 1
    assert operator.page("metrics")[0] == 404

    def refuse(_: Call) -> None:
        raise ConnectionError("the network broke here")

    tap.before = refuse
    calls = len(tap.calls)
    for _ in range(20):
        assert operator.page()[0] == operator.page("status.json")[0] == 200
    assert [call for call in tap.calls[calls:] if call.path != IS_IT_THERE] == []
    tap.before = lambda _: None

    api.delete(KIND, "bad", namespace=shown)
    assert list(until(operator, lambda s: "bad" not in s)) == ["good", "still"]
