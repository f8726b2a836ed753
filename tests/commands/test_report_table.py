"""What a run by hand prints of its report."""

from __future__ import annotations

import io
from datetime import UTC, datetime

from rich.console import Console

from socratasync.api.manifest import read_manifest
from socratasync.cli import report_table
from socratasync.contract.notices import Notice
from socratasync.contract.report import DatasetReport, RunReport
from socratasync.contract.successors import Successor

MANIFEST = """
apiVersion: socratasync.dev/v1alpha1
kind: SocrataSync
metadata: {name: la-311}
spec:
  domain: data.lacity.org
  datasets: [{id: rq3b-xjk8}, {id: pvft-t768}]
  target: {dsnSecretRef: {name: db}, table: requests, key: [srnumber]}
"""
GONE = "/resource of data.lacity.org answers HTTP 410; rows are read by SODA3 now"


def shown(report: RunReport) -> str:
    said = io.StringIO()
    console = Console(file=said, width=400)
    report_table.show(console, report, manifest=read_manifest(MANIFEST), place="", seconds=1.0)
    return said.getvalue()


def test_a_change_over_and_an_end_that_is_announced_are_warnings_each_told_once() -> None:
    report = RunReport(run="r", mode="update", warnings=["one row is odd"])
    report.datasets = [
        DatasetReport(id=id_, api="SODA3", api_changed=GONE) for id_ in ("rq3b-xjk8", "pvft-t768")
    ]
    report.notices = [Notice("SODA2", "it ends.", datetime(2027, 6, 1, tzinfo=UTC))] * 2

    warnings = [line for line in shown(report).splitlines() if line.startswith("warning: ")]

    assert warnings == [
        "warning: one row is odd",
        f"warning: {GONE}",
        "warning: the portal says of SODA2: it ends (2027-06-01)",
    ]


def test_what_a_portal_says_is_masked_before_it_is_shown() -> None:
    report = RunReport(run="r", mode="update", notices=[Notice("SODA2", "no fixes for s3cret")])
    report.redact = lambda text: text.replace("s3cret", "***")

    assert "no fixes for ***" in shown(report)


def test_a_one_off_run_is_told_as_one() -> None:
    report = RunReport(
        run="r", mode="full", only="year=2020", datasets=[DatasetReport(id="rq3b-xjk8")]
    )

    assert "la-311: synced → public.requests (full, only year=2020, 0.0 MB" in shown(report)


def test_what_follows_is_shown_with_what_became_of_it() -> None:
    adopted = Successor(id="park-2027", name="City Parks 2027", year=2027, adopted=True)
    named = Successor(id="gree-n002", name="Green spaces", reason="the description names it")
    report = RunReport(run="r", mode="update", successors=[adopted, named])

    lines = shown(report).splitlines()

    assert "park-2027 (2027), City Parks 2027, follows: it is adopted" in lines
    assert "gree-n002, Green spaces, follows: not loaded: the description names it" in lines
