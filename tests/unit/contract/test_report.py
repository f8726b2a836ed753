from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socratasync import errors
from socratasync.contract.report import (
    TERMINATION_MESSAGE_BYTES,
    DatasetReport,
    Rows,
    RunReport,
    encode,
    error_dict,
    fit,
    shorten,
    summarise,
)
from socratasync.times import write_instant

AT = datetime(2024, 2, 29, 23, 59, 58, 987654, tzinfo=UTC)

messages = st.text(max_size=700)
sync_errors = st.none() | st.builds(errors.SchemaChanged, messages)
dataset_reports = st.builds(
    DatasetReport,
    id=st.from_regex(r"[a-z0-9]{4}-[a-z0-9]{4}", fullmatch=True),
    year=st.none() | st.integers(1900, 2100),
    rows=st.builds(Rows, downloaded=st.integers(0, 10**9), inserted=st.integers(0, 10**9)),
    source_rows=st.none() | st.integers(0, 10**9),
    last_synced_since=st.none() | st.just(AT),
    error=sync_errors,
)
reports = st.builds(
    RunReport,
    run=st.text(min_size=1, max_size=300),
    mode=st.sampled_from(["update", "full"]),
    datasets=st.lists(dataset_reports, max_size=25),
    bytes=st.integers(0, 10**15),
    seconds=st.dictionaries(st.sampled_from(["download", "merge"]), st.floats(0, 1e6)),
    warnings=st.lists(messages, max_size=8),
    error=sync_errors,
)


def run_of(*datasets: DatasetReport, error: errors.SyncError | None = None) -> RunReport:
    return RunReport(run="la-311-x", mode="update", datasets=list(datasets), error=error)


def many(count: int, failed: int = 0) -> RunReport:
    """``count`` datasets, the last ``failed`` of them with an error."""
    return run_of(
        *(
            DatasetReport(
                id=f"{n:04d}-aaaa",
                year=2000 + n,
                rows=Rows(downloaded=1_000_000 + n, unchanged=1_000_000 + n, target=9_000_000 + n),
                source_rows=9_000_000 + n,
                last_synced_since=AT,
                error=errors.SchemaChanged("ö" * 400) if n >= count - failed else None,
            )
            for n in range(count)
        )
    )


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
    assert data["datasets"][0]["sourceRows"] == 99
    assert data["datasets"][0]["rows"]["target"] == 99
    assert set(data) == {
        "v",
        "run",
        "ok",
        "mode",
        "rows",
        "datasets",
        "lastSyncedSince",
        "bytes",
        "seconds",
        "warnings",
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
    )

    assert DatasetReport.from_dict(json.loads(json.dumps(report.as_dict()))) == report


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


# -- the termination message --------------------------------------------------------------------


def test_a_report_that_fits_is_complete() -> None:
    report = many(3).as_dict()

    assert fit(report) == encode(report)


def test_every_dataset_stays_while_there_is_room_for_its_counts() -> None:
    shown = json.loads(fit(many(16).as_dict()))

    assert len(shown["datasets"]) == 16
    assert shown["datasets"][7]["rows"]["downloaded"] == 1_000_007
    assert shown["datasets"][7]["lastSyncedSince"] == "2024-02-29T23:59:58.987Z"


def test_as_many_datasets_as_fit_are_kept_and_the_others_counted() -> None:
    report = many(100).as_dict()

    text = fit(report)
    shown = json.loads(text)

    kept = len(shown["datasets"])
    one_more = len(encode(shown["datasets"][0]).encode()) + 1
    assert kept > 15
    assert kept + shown["datasetsLeftOut"] == 100
    assert len(text.encode()) <= TERMINATION_MESSAGE_BYTES < len(text.encode()) + one_more + 8


def test_datasets_that_failed_are_kept_before_those_that_did_not() -> None:
    shown = json.loads(fit(many(100, failed=5).as_dict()))

    failed = [d for d in shown["datasets"] if d["error"]]
    assert [d["id"] for d in failed] == [f"{n:04d}-aaaa" for n in range(95, 100)]
    assert {d["error"]["reason"] for d in failed} == {"SchemaChanged"}
    assert len(shown["datasets"]) > 5


def test_messages_go_before_datasets_do() -> None:
    report = many(4, failed=4)
    report.warnings = ["ö" * 400] * 8

    shown = json.loads(fit(report.as_dict()))

    assert len(shown["datasets"]) == 4
    assert shown["error"]["message"].startswith("4 datasets failed.")


def test_half_a_character_does_not_break_the_message() -> None:
    shown = json.loads(fit(run_of(error=errors.BadValue("\ud83d!")).as_dict()))

    assert shown["error"]["message"] == "?!"


@given(reports)
def test_any_report_fits_and_keeps_what_decides(report: RunReport) -> None:
    data: dict[str, Any] = report.as_dict()

    text = fit(data)

    shown = json.loads(text)
    assert len(text.encode()) <= TERMINATION_MESSAGE_BYTES
    assert "\n" not in text
    for name in ("v", "ok", "mode", "rows", "lastSyncedSince", "bytes"):
        assert shown[name] == data[name]
    assert (shown["error"] or {}).get("reason") == (data["error"] or {}).get("reason")
    assert shown["run"][:200] == data["run"][:200]
    assert len(shown["datasets"]) + shown.get("datasetsLeftOut", 0) == len(data["datasets"])


@given(reports, st.integers(2000, 4096))
def test_any_report_fits_a_smaller_space_too(report: RunReport, limit: int) -> None:
    assert len(fit(report.as_dict(), limit).encode()) <= limit
