"""The news that a status owes, as the object that channels get. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from socratasync.api.dataset_status import DatasetStatus, RowCounts
from socratasync.api.news_status import OwedNews
from socratasync.api.status import RunSummary, SyncStatus
from socratasync.contract.news import DATASETS, DatasetNews, News, RunNews
from socratasync.contract.report import shorten
from socratasync.controller.observed.resource import Resource

_ERROR_CHARACTERS = 200
"""Of each dataset's error; a hundred of them must fit into one variable."""


def news_of(resource: Resource, status: SyncStatus, owed: OwedNews) -> News:
    """What is owed, with what ``status`` still knows of its run."""
    run = next((run for run in status.history or () if run.uid and run.uid == owed.run), None)
    last = status.last_run.uid if status.last_run else None
    return News(
        id=owed.id,
        at=owed.at,
        name=resource.key.name,
        namespace=resource.key.namespace,
        domain=resource.domain or None,
        begun=owed.begun,
        over=owed.over,
        succeeded=owed.succeeded,
        run=_run_news(run) if run else None,
        datasets=tuple(_datasets(run, status))[:DATASETS] if run and run.uid == last else (),
    )


def _run_news(run: RunSummary) -> RunNews | None:
    if run.result is None:
        return None
    return RunNews(
        job=run.job or "",
        result=run.result,
        trigger=run.trigger,
        mode=run.mode,
        start=run.start,
        end=run.end,
    )


def _datasets(run: RunSummary, status: SyncStatus) -> Iterator[DatasetNews]:
    """Those that the run changed, and those that it could not load. After a run that failed, the status may still
    have the counts of an earlier one for the rest."""
    good = run.result is not None and run.result.is_good
    for dataset in status.datasets or ():
        if dataset.error or (good and _changed(dataset.rows)):
            yield _dataset_news(dataset, dataset.rows if good else None)


def _changed(rows: RowCounts | None) -> bool:
    return rows is not None and bool(rows.inserted or rows.updated or rows.deleted)


def _dataset_news(dataset: DatasetStatus, rows: RowCounts | None) -> DatasetNews:
    counts = rows or RowCounts()
    error = dataset.error.message or dataset.error.reason or "" if dataset.error else None
    return DatasetNews(
        id=dataset.id,
        year=dataset.year,
        downloaded=counts.downloaded,
        inserted=counts.inserted,
        updated=counts.updated,
        deleted=counts.deleted,
        target=counts.target,
        source_rows=dataset.source_rows,
        error=shorten(error, _ERROR_CHARACTERS) if error is not None else None,
    )
