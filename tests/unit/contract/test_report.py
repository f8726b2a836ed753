from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

import pytest

from socratasync import errors
from socratasync.api.dataset_status import RowCounts
from socratasync.api.status_parts import StageSeconds
from socratasync.contract.progress import StepName
from socratasync.contract.report import (
    ROW_COUNTS,
    DatasetReport,
    Rows,
    RunReport,
    error_dict,
    listed,
    shorten,
    summarise,
)
from socratasync.contract.report_text import read
from socratasync.process.redact import Redactor
from socratasync.times import write_instant

AT = datetime(2024, 2, 29, 23, 59, 58, 987654, tzinfo=UTC)


def run_of(*datasets: DatasetReport, error: errors.SyncError | None = None) -> RunReport:
    return RunReport(run="la-311-x", mode="update", datasets=list(datasets), error=error)


# -- the report ---------------------------------------------------------------------------------


def test_a_report_has_every_field_of_the_contract() -> None:
    report = run_of(
        DatasetReport(
            id="rq3b-xjk8",
            year=2020,
            rows=Rows(downloaded=10, inserted=4, updated=3, unchanged=2, deleted=1, target=99),
            source_rows=99,
            last_synced_since=AT,
            source_updated_at=AT,
        )
    )
    report.target_rows = 500
    report.seconds = {"download": 1.23456}

    data = report.as_dict()

    assert data["v"] == 1
    assert data["ok"] is True
    assert data["rows"] == {
        "downloaded": 10,
        "inserted": 4,
        "updated": 3,
        "unchanged": 2,
        "deleted": 1,
        "target": 500,
    }
    assert data["lastSyncedSince"] == "2024-02-29T23:59:58.987Z"
    assert data["seconds"] == {"download": 1.235}
    assert data["error"] is None
    assert data["table"] is None
    assert data["datasets"][0]["sourceRows"] == 99
    assert data["datasets"][0]["rows"]["target"] == 99
    assert set(data) == {
        "v",
        "run",
        "ok",
        "mode",
        "only",
        "rows",
        "datasets",
        "lastSyncedSince",
        "countedAt",
        "table",
        "bytes",
        "seconds",
        "warnings",
        "notices",
        "successors",
        "error",
    }


def test_a_dataset_that_went_well_is_read_back_as_it_was_written() -> None:
    report = DatasetReport(
        id="rq3b-xjk8",
        year=2020,
        rows=Rows(downloaded=10, inserted=4, target=99),
        duplicates=2,
        source_rows=99,
        last_synced_since=AT.replace(microsecond=987000),
        source_updated_at=AT.replace(microsecond=0),
        strategy="merge",
        verified=True,
        schema_in_sync=False,
        frozen_columns=("acres", "houses"),
        api="SODA3",
        api_changed="/resource of data.lacity.org answers HTTP 410; rows are read by SODA3 now",
    )

    assert DatasetReport.from_dict(json.loads(json.dumps(report.as_dict()))) == report


def test_a_dataset_that_the_release_before_wrote_is_read_back() -> None:
    written = DatasetReport(id="rq3b-xjk8", schema_in_sync=True).as_dict()
    for later in ("frozenColumns", "frozenColumnCount", "api", "apiChanged"):
        del written[later]

    assert DatasetReport.from_dict(written) == DatasetReport(id="rq3b-xjk8", schema_in_sync=True)


@pytest.mark.parametrize(
    ("names", "most", "told"),
    [
        ([], 2, ""),
        (["a"], 2, "a"),
        (["a", "b"], 2, "a, b"),
        (["a", "b", "c"], 2, "a, b and 1 more"),
    ],
)
def test_of_many_names_a_sentence_has_the_first_ones(
    names: list[str], most: int, told: str
) -> None:
    assert listed(names, most) == told


def test_rows_of_all_datasets_add_up() -> None:
    report = run_of(
        DatasetReport(id="a", rows=Rows(downloaded=5, inserted=2, updated=1, unchanged=1)),
        DatasetReport(id="b", rows=Rows(downloaded=7, deleted=3)),
    )

    assert report.rows == Rows(downloaded=12, inserted=2, updated=1, unchanged=1, deleted=3)
    assert report.rows.changed == 6


@pytest.mark.parametrize(
    ("bounds", "oldest"),
    [
        pytest.param([AT, AT - timedelta(days=1)], AT - timedelta(days=1), id="the oldest counts"),
        pytest.param([AT, None], None, id="one that was never loaded has none"),
        pytest.param([], None, id="no dataset has none"),
    ],
)
def test_the_next_update_starts_where_the_oldest_dataset_is(
    bounds: list[datetime | None], oldest: datetime | None
) -> None:
    report = run_of(*(DatasetReport(id=str(n), last_synced_since=b) for n, b in enumerate(bounds)))

    assert report.last_synced_since == oldest


# -- what failed --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failures", "reason", "exit_code"),
    [
        pytest.param([], None, 0, id="nothing failed"),
        pytest.param([errors.SchemaChanged("x")], "SchemaChanged", 65, id="one decides alone"),
        pytest.param(
            [errors.SchemaChanged("x"), errors.SourceThrottled("y")],
            "SourceThrottled",
            75,
            id="one that may pass asks for another try",
        ),
        pytest.param(
            [errors.InvalidAppToken("x"), errors.SchemaChanged("y")],
            "InvalidAppToken",
            77,
            id="otherwise the first decides",
        ),
        pytest.param(
            [errors.SourceTooSlow("x")],
            "SourceUnavailable",
            75,
            id="a reason is reported by its stable name",
        ),
    ],
)
def test_the_exit_code_comes_from_what_failed(
    failures: list[errors.SyncError], reason: str | None, exit_code: int
) -> None:
    report = run_of(*(DatasetReport(id=f"{n}", error=error) for n, error in enumerate(failures)))

    assert report.exit_code == exit_code
    assert report.ok is (exit_code == 0)
    assert (report.failure.reason if report.failure else None) == reason


def test_the_runs_own_failure_comes_before_the_datasets() -> None:
    report = run_of(
        DatasetReport(id="a", error=errors.SchemaChanged("x")),
        error=errors.TargetUnavailable("gone"),
    )

    assert report.exit_code == 75
    assert report.as_dict()["error"] == {"reason": "TargetUnavailable", "message": "gone"}


def test_several_failures_are_told_in_one_sentence_with_their_datasets() -> None:
    failure = summarise([("a", errors.BadValue("no")), ("b", errors.SchemaChanged("gone"))])

    assert failure is not None
    assert failure.message == "2 datasets failed. a: no; b: gone"


def test_a_run_that_was_stopped_says_so_and_is_not_ok() -> None:
    report = run_of()
    report.terminated = True

    assert report.exit_code == 143
    assert report.ok is False
    assert report.as_dict()["error"]["reason"] == "Terminated"


def test_a_message_is_cut_with_an_ellipsis() -> None:
    assert shorten("abcdef", 6) == "abcdef"
    assert shorten("abcdefg", 6) == "abcde…"
    assert shorten("abcdefg", 0) == ""
    assert error_dict(errors.BadValue("x" * 501)) == {
        "reason": "BadValue",
        "message": "x" * 499 + "…",
    }
    assert error_dict(None) is None


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (None, None),
        (AT, "2024-02-29T23:59:58.987Z"),
        (AT.astimezone(timezone(timedelta(hours=-8))), "2024-02-29T23:59:58.987Z"),
        (datetime(2024, 1, 1, tzinfo=UTC), "2024-01-01T00:00:00.000Z"),
    ],
)
def test_times_are_in_utc_with_milliseconds(at: datetime | None, text: str | None) -> None:
    assert write_instant(at, "milliseconds") == text


# -- what may be told ---------------------------------------------------------------------------


def test_secrets_are_masked_in_all_that_leaves_a_report() -> None:
    report = RunReport(
        run="r",
        mode="update",
        datasets=[DatasetReport(id="a", error=errors.BadValue("no: hunter2"))],
        warnings=["it echoes hunter2"],
        redact=Redactor(["hunter2"]),
    )

    failure = report.failure
    assert failure is not None
    assert (type(failure), failure.message) == (errors.BadValue, "no: ***")
    assert "hunter2" not in json.dumps(report.as_dict())
    assert report.as_dict()["warnings"] == ["it echoes ***"]


def test_a_secret_at_the_end_of_a_message_that_is_cut_does_not_show_in_part() -> None:
    report = run_of(error=errors.BadValue(f"{'x' * 490} hunter2-and-more-of-it"))
    report.redact = Redactor(["hunter2-and-more-of-it"])

    assert "hunter2" not in json.dumps(report.as_dict())


@pytest.mark.parametrize("secret", ["datasets", "rows", "update", "Failed", "BadValue", "reason"])
def test_a_secret_that_is_a_word_of_ours_leaves_the_report_readable(secret: str) -> None:
    report = run_of(DatasetReport(id="a", error=errors.BadValue(f"no {secret}")))
    report.redact = Redactor([secret])

    found = read(json.dumps(report.as_dict()))
    assert found is not None
    assert found.error is not None
    assert (found.error.reason, found.error.message) == ("BadValue", "no ***")


def test_the_masked_error_keeps_what_a_retry_needs() -> None:
    report = RunReport(
        run="r", mode="update", error=errors.SourceThrottled("hunter2", retry_after=7.0)
    )
    report.redact = Redactor(["hunter2"])

    assert isinstance(report.failure, errors.SourceThrottled)
    assert (report.failure.retry_after, report.failure.message) == (7.0, "***")


@pytest.mark.parametrize(
    ("text", "stored"),
    [("a\0b", "a\\x00b"), ("\ud83d!", "\\ud83d!"), ("\U0001f600 ö\n", "\U0001f600 ö\n")],
)
def test_what_no_database_holds_is_written_out(text: str, stored: str) -> None:
    told = run_of(error=errors.BadValue(text)).as_dict()

    assert told["error"]["message"] == stored
    json.dumps(told, ensure_ascii=False).encode()


def test_the_status_counts_what_a_report_counts() -> None:
    assert set(ROW_COUNTS) == {each.name for each in fields(RowCounts)}
    assert set(get_args(StepName)) == {each.name for each in fields(StageSeconds)}
