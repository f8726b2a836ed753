"""``socratasync worker``: a Job's orders in, the outcome told in three places."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict
from tests.commands.conftest import PARKS, Command, Finished, rows

from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal
from socratasync.contract.report_text import TERMINATION_MESSAGE_BYTES, read


class Job:
    """The environment that the operator gives to a worker."""

    def __init__(self, command: Command, spec: dict[str, Any], dsn: str) -> None:
        self.command = command
        self.spec = spec
        self.termination_log = command.folder / "termination-log"
        self.termination_log.touch()
        self.environ = {
            "SOCRATASYNC_NAME": "city-parks",
            "SOCRATASYNC_NAMESPACE": "data",
            "SOCRATASYNC_RUN": "city-parks-28930000",
            "SOCRATASYNC_MODE": "update",
            "SOCRATASYNC_DSN": dsn,
            "SOCRATASYNC_TERMINATION_LOG": str(self.termination_log),
        }

    def __call__(self, *without: str, **environ: str) -> Finished:
        """The worker's run, to its end."""
        given = {"SOCRATASYNC_SPEC": json.dumps(self.spec), **self.environ, **environ}
        return self.command("worker", **{n: v for n, v in given.items() if n not in without})

    def told(self, ran: Finished) -> dict[str, Any]:
        """The report in the last line of standard output; the termination log tells the same."""
        kept = read(self.termination_log.read_text(encoding="utf-8"))
        whole = read(ran.stdout)
        assert kept is not None
        assert whole is not None
        assert (kept.run, kept.ok, kept.rows) == (whole.run, whole.ok, whole.rows)
        assert [d.id for d in kept.datasets] == [d.id for d in whole.datasets]
        report: dict[str, Any] = json.loads(ran.stdout)
        return report


@pytest.fixture
def job(socratasync: Command, spec: dict[str, Any], dsn: str) -> Job:
    """A Job for the parks."""
    return Job(socratasync, spec, dsn)


def _lines(ran: Finished) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ran.stderr.splitlines()]


def test_a_run_is_told_in_the_termination_log_and_on_standard_output(job: Job, dsn: str) -> None:
    ran = job()

    report = job.told(ran)
    assert ran.returncode == 0, ran.stderr
    assert (report["ok"], report["run"]) == (True, "city-parks-28930000")
    assert rows(dsn, "SELECT count(*) FROM parks") == [(5,)]


def test_a_one_off_run_loads_what_it_is_limited_to(
    job: Job, spec: dict[str, Any], dsn: str
) -> None:
    spec["datasets"].append({"id": "nope-0000", "year": 1999})

    report = job.told(job(SOCRATASYNC_MODE="full", SOCRATASYNC_ONLY="year=2024"))

    assert (report["ok"], report["only"]) == (True, "year=2024")
    assert [dataset["id"] for dataset in report["datasets"]] == [PARKS]
    assert rows(dsn, "SELECT count(*) FROM parks") == [(5,)]


def test_a_one_off_run_of_nothing_is_refused(job: Job) -> None:
    ran = job(SOCRATASYNC_ONLY="year=1999")

    report = job.told(ran)
    assert (ran.returncode, report["error"]["reason"]) == (78, "InvalidRequest")
    assert report["only"] == "year=1999"


def test_every_log_line_is_json_and_some_tell_the_progress(job: Job) -> None:
    lines = _lines(job())

    progress = [line for line in lines if line.get("event") == "progress"]
    assert {line["level"] for line in lines} == {"info"}
    assert [line["stage"] for line in progress if line["dataset"] == PARKS] == ["download", "merge"]
    assert lines[-1]["event"] == "done"


def test_the_jobs_mode_goes_before_the_specs(job: Job) -> None:
    assert job.told(job(SOCRATASYNC_MODE="full"))["mode"] == "full"


def test_a_job_that_is_tried_again_tells_what_its_first_try_did(job: Job) -> None:
    first, again = job.told(job()), job.told(job())

    assert first["rows"]["inserted"] == 5
    assert again["rows"] == first["rows"]


def test_a_failed_run_is_told_and_exits_as_its_error_says(job: Job, portal: Portal) -> None:
    portal.faults.add(Fault.status(503), times=99)
    ran = job()

    report = job.told(ran)
    assert ran.returncode == 75
    assert (report["ok"], report["error"]["reason"]) == (False, "SourceUnavailable")


def test_a_report_on_a_hundred_failures_fits_into_a_termination_message(job: Job) -> None:
    job.spec["datasets"] = [{"id": f"gone-{n:04}", "year": 1900 + n} for n in range(100)]
    ran = job()

    report = job.told(ran)
    assert len(job.termination_log.read_bytes()) <= TERMINATION_MESSAGE_BYTES
    assert report["error"]["reason"] == "DatasetNotFound"


@pytest.mark.parametrize(
    ("without", "changed", "said"),
    [
        pytest.param("SOCRATASYNC_DSN", {}, "lacks SOCRATASYNC_DSN", id="no DSN"),
        pytest.param("SOCRATASYNC_SPEC", {}, "lacks SOCRATASYNC_SPEC", id="no spec"),
        pytest.param("", {"SOCRATASYNC_SPEC": "{"}, "is not JSON", id="a spec that is no JSON"),
        pytest.param("", {"SOCRATASYNC_SPEC": "{}"}, "spec.domain", id="a spec without a domain"),
        pytest.param("", {"SOCRATASYNC_MODE": "some"}, "SOCRATASYNC_MODE", id="no such mode"),
        pytest.param("", {"SOCRATASYNC_SINCE": "soon"}, "SOCRATASYNC_SINCE", id="no time"),
        pytest.param("", {"SOCRATASYNC_ATTEMPTS": "x"}, "SOCRATASYNC_ATTEMPTS", id="no number"),
        pytest.param("", {"SOCRATASYNC_HOOK_0_HEADERS": "/none"}, "HOOK_0_HEADERS", id="no folder"),
    ],
)
def test_orders_that_cannot_be_read_are_told_too(
    job: Job, without: str, changed: dict[str, str], said: str
) -> None:
    ran = job(without, **changed)

    report = job.told(ran)
    assert ran.returncode == 78
    assert report["error"]["reason"] == "InvalidSpec"
    assert said in report["error"]["message"]
    assert "trace" not in ran.stderr


def test_a_token_that_no_header_takes_is_refused_before_any_request(
    job: Job, portal: Portal
) -> None:
    ran = job(SOCRATASYNC_APP_TOKEN="to\nken")

    assert ran.returncode == 77
    assert job.told(ran)["error"]["reason"] == "InvalidAppToken"
    assert portal.requests == []


def test_a_fault_of_our_own_is_told_too_and_traced_in_the_log(job: Job) -> None:
    ran = job(SOCRATASYNC_SPEC="[" * 60_000)  # deeper than Python's own reader of JSON can go

    report = job.told(ran)
    assert ran.returncode == 70
    assert report["error"]["reason"] == "InternalError"
    assert any("RecursionError" in line.get("trace", "") for line in _lines(ran))


def test_a_termination_log_that_cannot_be_written_costs_nothing_but_a_warning(job: Job) -> None:
    ran = job(SOCRATASYNC_TERMINATION_LOG="/proc/none/such")

    assert ran.returncode == 0
    assert json.loads(ran.stdout)["ok"]
    assert any("cannot be written" in line["msg"] for line in _lines(ran))


def test_no_secret_is_in_the_log_or_in_the_report(job: Job) -> None:
    ran = job(
        SOCRATASYNC_DSN="postgresql://me:Pass-word@127.0.0.1:1/db",
        SOCRATASYNC_APP_TOKEN="the-App-Token",
    )

    assert ran.returncode == 75
    for secret in ("Pass-word", "the-App-Token"):
        assert secret not in ran.stdout + ran.stderr


def test_hook_headers_are_read_from_a_mounted_secret(job: Job, tmp_path: Path) -> None:
    folder = tmp_path / "headers"
    folder.mkdir()
    (folder / "Authorization").write_text("Bearer Hook-Header\n")
    (folder / "..data").mkdir()  # how Kubernetes swaps the files of a secret at once
    job.spec["hooks"] = [
        {
            "url": "https://127.0.0.1:1/x",
            "headersSecretRef": {"name": "headers"},
            "timeoutSeconds": 1,
        }
    ]
    ran = job(SOCRATASYNC_HOOK_0_HEADERS=str(folder))

    report = job.told(ran)
    assert "hook: calling https://127.0.0.1:1/x failed" in " ".join(report["warnings"])
    assert "Hook-Header" not in ran.stdout + ran.stderr


def test_a_worker_loads_nothing_that_it_has_no_use_for() -> None:
    heavy = ["typer", "rich", "kopf", "kubernetes", "aiohttp", "cryptography", "prometheus_client"]
    found = subprocess.check_output(
        [
            sys.executable,
            "-c",
            f"import sys, socratasync.worker;print([m for m in {heavy!r} if m in sys.modules])",
        ],
        text=True,
    )

    assert found == "[]\n"


def test_a_connection_comes_in_parts_too(job: Job, portal: Portal, dsn: str) -> None:
    parts = {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
    job.spec["target"] = {
        **{name: value for name, value in job.spec["target"].items() if name != "dsnSecretRef"},
        "dsnFrom": {name: {"value": parts[name]} for name in ("host", "user", "dbname")},
    }
    variables = {f"SOCRATASYNC_DSN_{name.upper()}": value for name, value in parts.items()}

    ran = job("SOCRATASYNC_DSN", SOCRATASYNC_DSN_PASSWORD="hunter2 'or not", **variables)

    assert ran.returncode == 0, ran.stderr
    assert job.told(ran)["rows"]["inserted"] == len(rows(dsn, "SELECT FROM parks")) > 0
    assert "hunter2" not in ran.stdout + ran.stderr
