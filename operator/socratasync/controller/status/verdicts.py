"""What the runs found out about the data: whether its rows and its columns agree with the sources. Pure."""

from __future__ import annotations

from socratasync.api.dataset_status import DatasetStatus
from socratasync.api.status import SyncStatus
from socratasync.contract.report import listed
from socratasync.controller.observed.resource import Resource
from socratasync.controller.status.condition_types import (
    DATA_VERIFIED,
    SCHEMA_IN_SYNC,
    Finding,
    finding,
)
from socratasync.controller.status.loaded import judging_run_of_spec


def data_verified(resource: Resource, status: SyncStatus) -> Finding:
    """Whether rows were counted, and agree. A dataset that no run has counted yet makes it Unknown."""
    if resource.spec is not None and resource.spec.verify.row_count == "Off":
        return finding(
            DATA_VERIFIED,
            "Unknown",
            "VerificationOff",
            "spec.verify.rowCount is Off: nobody counts",
        )
    datasets = status.datasets or ()
    wrong = [_counts_of(each) for each in datasets if each.verified is False]
    if wrong or _run_reason(resource, status) == "RowCountMismatch":
        which = f": {'; '.join(wrong)}" if wrong else ""
        return finding(
            DATA_VERIFIED,
            "False",
            "RowCountMismatch",
            f"rows are not as many as the source counts{which}. status.lastRun.warnings says what helps",
        )
    if datasets and all(each.verified for each in datasets):
        return finding(
            DATA_VERIFIED, "True", "RowCountsMatch", "rows agree with the source's count"
        )
    return finding(DATA_VERIFIED, "Unknown", "NotCounted", "the rows have not been counted yet")


def _counts_of(dataset: DatasetStatus) -> str:
    """The dataset with those of its counts that are known."""
    counts = {
        "at the source": dataset.source_rows,
        "in the table": dataset.rows.target if dataset.rows else None,
        "left out for having no key of their own": dataset.left_out or None,
        "under keys of other datasets' rows": dataset.shared or None,
    }
    told = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count is not None)
    return f"{dataset.id} ({told})" if told else dataset.id


def _run_reason(resource: Resource, status: SyncStatus) -> str | None:
    """What a run of this spec ended with: a failed one may have no dataset to blame."""
    run = judging_run_of_spec(resource, status)
    return run.reason if run else None


def schema_in_sync(resource: Resource, status: SyncStatus) -> Finding:
    """Whether columns are as agreed. A dataset that no run has looked at yet makes it Unknown."""
    datasets = status.datasets or ()
    frozen = [each for each in datasets if each.frozen_column_count]
    drifted = [each.id for each in datasets if each.schema_in_sync is False and each not in frozen]
    wrong = []
    if drifted or _run_reason(resource, status) == "SchemaChanged":
        which = f" of {', '.join(drifted)}" if drifted else ""
        wrong.append(
            f"the source's columns{which} are not those of the target; "
            "see the last run's warnings and spec.target.onSchemaChange"
        )
    if frozen:
        wrong.append(
            "columns of the table keep old values, since their datasets fill them no more; map a renamed "
            "one with datasets[].columns, drop one that no dataset fills, or list it in "
            f"datasets[].frozenColumns. These are {listed([*map(_frozen_of, frozen)], 10)}"
        )
    if wrong:
        return finding(SCHEMA_IN_SYNC, "False", "SchemaChanged", ". Also, ".join(wrong))
    if datasets and all(each.schema_in_sync for each in datasets):
        return finding(SCHEMA_IN_SYNC, "True", "ColumnsMatch", "columns are as agreed")
    return finding(SCHEMA_IN_SYNC, "Unknown", "NotCompared", "no run has compared the columns yet")


def _frozen_of(dataset: DatasetStatus) -> str:
    """A dataset's frozen columns; a report that was too long has told of their number alone."""
    names, count = (dataset.frozen_columns or ())[:5], dataset.frozen_column_count or 0
    if not names:
        return f"{count} of {dataset.id}"
    besides = f" and {count - len(names)} more" if count > len(names) else ""
    return f"{', '.join(names)}{besides} of {dataset.id}"
