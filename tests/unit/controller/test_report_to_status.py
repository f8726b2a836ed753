"""From a worker's report to the status, by way of a termination message: every dataset arrives."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import get_args

from tests.unit.controller.conftest import at

from socratasync import errors
from socratasync.api.crd import crd
from socratasync.api.dataset_status import RowCounts
from socratasync.api.status import SyncStatus
from socratasync.api.status_parts import StageSeconds
from socratasync.contract.bad_values import BadValueExample, BadValues
from socratasync.contract.progress import StepName
from socratasync.contract.report import DatasetReport, Rows, RunReport
from socratasync.contract.report_text import TERMINATION_MESSAGE_BYTES, fit
from socratasync.controller.action import Action, Kind
from socratasync.controller.jobs.outcome import read_outcome
from socratasync.controller.observed.job import ObservedJob
from socratasync.controller.observed.resource import Resource
from socratasync.controller.status.next import next_status

NOW = at("2026-11-23T08:00")
IDS = [f"{number:04d}-abc{number % 10}" for number in range(100)]


def dataset(number: int) -> DatasetReport:
    """One of a hundred, large, odd-numbered, and failed in every third case."""
    inserted, updated = 987_654_321 - 7919 * number**2, 123_456 + 104_729 * number
    unchanged = 3_000_017 * (number + 1) % 10_000_019
    return DatasetReport(
        id=IDS[number],
        year=1950 + number,
        rows=Rows(
            downloaded=inserted + updated + unchanged + number,
            inserted=inserted,
            updated=updated,
            unchanged=unchanged,
            deleted=number * 31,
            target=2_000_000_011 + number,
        ),
        api="SODA2",
        left_out=number * 1009,
        shared=number * 17 if number % 2 else None,
        source_rows=2_000_000_000 + 3 * number,
        source_updated_at=at("2026-11-22T00:00") - timedelta(seconds=99_991 * number),
        last_synced_since=at("2026-11-23T00:00") - timedelta(seconds=13 * number),
        verified=number % 2 == 0,
        schema_in_sync=number % 5 != 0,
        frozen_columns=("acres", "opened")[: number % 3] if number % 5 == 0 else (),
        bad_values=BadValues(nulled=number % 7) if number % 20 == 0 else BadValues(),
        error=errors.SchemaChanged(f"column c{number} is gone; {'ü' * 450}")
        if number % 3 == 0
        else None,
    )


def recorded(
    report: RunReport,
    resource: Callable[..., Resource],
    job: Callable[..., ObservedJob],
    status: SyncStatus | None = None,
) -> SyncStatus:
    """The status after a run that left this report, on a resource of a hundred datasets."""
    text = fit(report.as_dict())
    assert len(text.encode()) <= TERMINATION_MESSAGE_BYTES
    ended = {"exitCode": report.exit_code, "message": text, "finishedAt": "2026-11-23T07:04:00Z"}
    pod = {"status": {"containerStatuses": [{"name": "sync", "state": {"terminated": ended}}]}}
    over = job(condition="Complete" if report.ok else "Failed")
    action = Action(kind=Kind.RECORD, reason="", message="", settled=NOW, job=over)
    datasets = [{"id": id_, "year": 1950 + number} for number, id_ in enumerate(IDS)]
    return next_status(
        resource(datasets=datasets, status=status),
        action,
        NOW,
        outcome=read_outcome(over, [pod], NOW),
    )


def report(*datasets: DatasetReport) -> RunReport:
    steps = dict.fromkeys(get_args(StepName), 12345.678)
    return RunReport(
        run="la-311-1",
        mode="update",
        datasets=list(datasets),
        bytes=10**13,
        seconds=steps,
        warnings=[f"{number}: {'ö' * 480}" for number in range(40)],
    )


def test_a_hundred_datasets_reach_the_status_with_all_that_was_told(
    resource: Callable[..., Resource], job: Callable[..., ObservedJob]
) -> None:
    told = report(*map(dataset, range(100)))
    status = recorded(told, resource, job)

    datasets = status.datasets or ()
    assert [each.id for each in datasets] == IDS
    for number, entry in enumerate(datasets):
        expected = dataset(number)
        assert entry.rows == RowCounts(**expected.rows.as_dict())
        assert entry.source_rows == expected.source_rows
        assert entry.api == expected.api
        assert (entry.left_out, entry.shared) == (expected.left_out, expected.shared)
        assert entry.source_updated_at == expected.source_updated_at
        assert entry.last_synced_since == expected.last_synced_since
        assert entry.verified is expected.verified
        assert entry.schema_in_sync is expected.schema_in_sync
        assert entry.frozen_columns == expected.frozen_columns
        assert entry.frozen_column_count == len(expected.frozen_columns or ())
        bad = entry.bad_values
        assert (bad is not None) is expected.bad_values.found
        assert bad is None or (bad.nulled, bad.skipped) == (number % 7, 0)
        assert (entry.error and entry.error.reason) == ("SchemaChanged" if expected.error else None)
    assert status.rows == RowCounts(**told.rows.as_dict())
    assert status.last_run is not None
    assert status.last_run.bytes == 10**13
    assert status.last_run.seconds == StageSeconds(**told.seconds)
    assert status.last_run.warnings


def test_an_error_of_the_hundredth_dataset_goes_with_its_next_good_run(
    resource: Callable[..., Resource], job: Callable[..., ObservedJob]
) -> None:
    before = recorded(report(*map(dataset, range(100))), resource, job)
    assert (before.datasets or ())[99].error is not None

    good = [dataset(number) for number in range(100)]
    for each in good:
        each.error = None
    after = recorded(report(*good), resource, job, status=before)

    assert not any(entry.error for entry in after.datasets or ())


def test_bad_values_are_those_of_the_last_run(
    resource: Callable[..., Resource], job: Callable[..., ObservedJob]
) -> None:
    example = BadValueExample(row="row-1", column="houses", value="many")
    few = [dataset(number) for number in range(1, 3)]
    few[0].bad_values = BadValues(nulled=3, examples=(example,))
    before = recorded(report(*few), resource, job)
    told = (before.datasets or ())[1].bad_values
    assert told is not None
    assert (told.nulled, told.skipped) == (3, 0)
    assert told.examples is not None
    assert [(e.row, e.column, e.value) for e in told.examples] == [("row-1", "houses", "many")]

    few[0].bad_values = BadValues()
    after = recorded(report(*few), resource, job, status=before)

    assert (after.datasets or ())[1].bad_values is None


def test_the_resource_takes_as_many_datasets_as_a_report() -> None:
    schema = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    assert schema["status"]["properties"]["datasets"]["maxItems"] == len(IDS)
    assert schema["spec"]["properties"]["datasets"]["maxItems"] == len(IDS)
