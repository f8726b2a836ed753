"""The status page in a real browser: on a phone and at a desk, by day and by night, without JavaScript.

No node is needed for it: the operator's process reads a control plane of its own, whose kubelet is played, so that
every state can be had. Screenshots stay in test-artefacts/.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.api import Api
from tests.cluster.certificates import LOOPBACK
from tests.cluster.conftest import install_crd, make_namespace
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kubelet import Kubelet
from tests.cluster.processes import wait_until
from tests.cluster.programs import cache
from tests.cluster.running import ACCOUNT, RunningOperator, allow_in_namespace
from tests.cluster.syncs import KIND, Sync, report
from tests.e2e.browser import Browser, Device, Page, browser

from socratasync.times import write_instant

SHOTS = Path(__file__).parents[2] / "test-artefacts" / "status-page"
AXE = cache() / "axe-core-4.14.1" / "axe.min.js"
HOSTILE = "<script>document.title='run'</script><img src=x onerror=document.title='run'>"
PHONE = Device(width=390, height=844, phone=True)
DESK = Device(width=1280, height=800)
DEVICES = {
    "phone-light": PHONE,
    "phone-dark": Device(width=390, height=844, phone=True, scheme="dark"),
    "desk-light": DESK,
    "desk-dark": Device(width=1280, height=800, scheme="dark"),
}
STATES = ("In step", "Loading", "Failed", "Suspended", "Overdue", "Rows differ", "5,000 of")
OPEN_ALL = "document.querySelectorAll('details').forEach(each => each.open = true)"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page of an operator that looks after a sync of every kind."""
    scratch = tmp_path_factory.mktemp("page")
    plane = ControlPlane.start(scratch / "plane")
    try:
        install_crd(plane)
        namespace = make_namespace(plane)
        allow_in_namespace(plane, namespace)
        kubeconfig = plane.kubeconfig_for(ACCOUNT, namespace=namespace)
        log = scratch / "operator.log"
        with (
            RunningOperator(kubeconfig, log, [namespace], ["--status-page"]) as operator,
            Kubelet(plane) as kubelet,
        ):
            _lead(plane.api, kubelet, namespace)
            wait_until(lambda: _shows_all(operator), timeout_s=40, what="all states on the page")
            yield f"http://{LOOPBACK}:{operator.page_port}/"
    finally:
        plane.stop()


def _shows_all(operator: RunningOperator) -> bool:
    text = operator.page()[1]
    return all(word in text for word in STATES)


def _lead(api: Api, kubelet: Kubelet, namespace: str) -> None:
    """A sync into each state, by its Jobs."""

    def sync(name: str, **spec: Any) -> Sync:
        made = Sync(api, kubelet, namespace, name)
        made.apply(**spec)
        return made

    at_work = sync("nyc-311")
    pod = at_work.at_work(at_work.started())
    kubelet.log(pod, PROGRESS, namespace=namespace)  # which the operator reads every now and then
    good = sync("la-311", schedule="0 7 * * *")
    stale, differs = sync("sf-trees", freshness={"maxLag": "36h"}), sync("austin-noise")
    refused, hostile = (
        sync("seattle-fire-calls"),
        sync("a-name-that-is-long-enough-to-need-two-lines"),
    )
    sync("chicago-permits", suspend=True)
    for each in (good, stale):
        each.succeed(each.started())
    _remember(good, ago_h=5)
    _remember(stale, ago_h=80)
    job = differs.started()
    differs.succeed(job, **_differs(job))
    for each, told in (
        (refused, "the portal refuses the app token of secret socrata"),
        (hostile, HOSTILE),
    ):
        job = each.started()
        each.fail(job, each.at_work(job), 77, "InvalidAppToken", told)
        each.ended(job)


PROGRESS = (
    '{"ts":"2026-11-23T07:00:05+00:00","event":"progress","dataset":"rq3b-xjk8",'
    '"stage":"download","rows":5000,"total":20000,"percent":25.0}\n'
)


def _remember(sync: Sync, *, ago_h: int) -> None:
    """As if it had been looked after for ten days."""
    now = datetime.now(UTC)
    runs = []
    for day in range(10):
        start = now - timedelta(hours=ago_h + 24 * day)
        seconds, new = 95 + 41 * (day * 7 % 5), 4000 + 311 * (day * 3 % 7)
        if day == 9:
            seconds, new = 1740, 1_500_000
        result = "Failed" if day == 4 else "NoChange" if day == 6 else "Succeeded"
        run = {
            "start": write_instant(start, "seconds"),
            "end": write_instant(start + timedelta(seconds=seconds), "seconds"),
            "trigger": "Schedule",
            "result": result,
            "reason": "SourceUnavailable" if result == "Failed" else result,
        }
        if result == "Succeeded":
            run["rows"] = {"inserted": new, "updated": new // 3, "deleted": 0}  # type: ignore[assignment]
        runs.append(run)
    ended = runs[0]["end"]
    dataset = {"id": "rq3b-xjk8", "year": 2020, "sourceRows": 1_583_244, "sourceUpdatedAt": ended}
    rows = {"target": 1_583_244}
    change = {"history": runs, "lastSuccessfulTime": ended, "rows": rows}
    change["datasets"] = [{**dataset, "rows": rows, "leftOut": 0}]
    sync.api.patch(KIND, sync.name, {"status": change}, namespace=sync.namespace, part="status")


def _differs(run: str) -> dict[str, Any]:
    """Of a run's report: rows that the source counts and the table does not have."""
    (dataset,) = json.loads(report(run))["datasets"]
    return {
        "datasets": [{**dataset, "sourceRows": 1_583_244, "verified": False}],
        "warnings": ["rq3b-xjk8: 1,204 rows have no srnumber and were left out"],
    }


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


def judged(page: Page) -> list[str]:
    """What axe-core finds that somebody could not read, or not operate."""
    page.value(AXE.read_text(encoding="utf-8") + ";0")
    found = page.value("axe.run().then(result => result.violations)")
    return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found]


@pytest.mark.parametrize("name", DEVICES)
def test_the_page_fits_its_device_runs_nothing_and_can_be_read_by_everybody(
    chromium: Browser, address: str, name: str
) -> None:
    with chromium.open(address, DEVICES[name]) as page:
        page.screenshot(SHOTS / f"{name}.png")
        page.value(OPEN_ALL)
        page.screenshot(SHOTS / f"{name}-open.png")

        assert page.value("document.documentElement.scrollWidth <= window.innerWidth")
        assert page.value("document.title") == "4 of 7 syncs need attention \u00b7 Socrata Sync"
        assert page.value("document.images.length + document.scripts.length") == 0
        assert HOSTILE in page.value("document.body.innerText")
        assert page.requests == [address]
        assert judged(page) == []
        assert page.complaints == []


def test_the_page_says_all_of_it_without_javascript(chromium: Browser, address: str) -> None:
    def said(*, scripts: bool) -> str:
        device = Device(width=390, height=844, phone=True, scripts=scripts)
        with chromium.open(f"{address}?trouble=1", device) as page:
            assert page.value("document.querySelectorAll('article').length") == 4
            return str(page.value("document.querySelector('main').innerText"))

    assert said(scripts=False) == said(scripts=True)


def test_the_browser_would_tell_of_what_the_policy_forbids(chromium: Browser, address: str) -> None:
    """So that its silence means something."""
    with chromium.open(address, DESK) as page:
        page.value(f"document.body.insertAdjacentHTML('beforeend', {HOSTILE!r})")
        page.value("document.body.setAttribute('onclick', 'alert(1)')")
        wait_until(lambda: len(page.complaints) >= 2, timeout_s=10, what="complaints")

        assert any("img-src" in each or "default-src" in each for each in page.complaints)
        assert page.value("document.title") != "run"


def test_a_form_asks_for_one_namespace_and_what_needs_attention(
    chromium: Browser, address: str
) -> None:
    with chromium.open(address, PHONE) as page:
        filled = (
            "document.forms[0].trouble.click(); document.forms[0].querySelector('button').click()"
        )
        page.value(filled)
        wait_until(lambda: len(page.requests) == 2, timeout_s=10, what="the form to be sent")

        assert page.requests[1] == f"{address}?namespace=&trouble=1"
        assert page.complaints == []
