"""News of a run, from its report: what hooks get, and what a run by hand tells. Pure."""

from __future__ import annotations

import hashlib
from datetime import datetime

from socratasync.api.status_words import Result
from socratasync.contract.news import DatasetNews, News, RunNews
from socratasync.contract.report import DatasetReport, RunReport, error_dict, storable


def data_news(
    report: RunReport,
    *,
    name: str,
    namespace: str | None,
    domain: str,
    start: datetime,
    now: datetime,
) -> News:
    """That there is new data, for programs that have to do something about it. The run may not be over."""
    return News(
        id=news_id(report.run),
        at=now,
        name=name,
        namespace=namespace,
        domain=domain,
        succeeded=True,
        run=run_news(report, start=start),
        datasets=dataset_news(report),
    )


def news_id(run: str) -> str:
    """The same for each try of a run."""
    return hashlib.sha256(run.encode(errors="replace")).hexdigest()[:32]


def run_news(report: RunReport, *, start: datetime, end: datetime | None = None) -> RunNews:
    """The run in short. Why it was started is not known to it."""
    return RunNews(
        job=storable(report.run),
        result=_result(report),
        mode="full" if report.mode == "full" else "update",
        start=start,
        end=end,
    )


def _result(report: RunReport) -> Result:
    if not report.ok:
        return Result.FAILED
    return Result.SUCCEEDED if report.rows.changed else Result.NO_CHANGE


def dataset_news(report: RunReport) -> tuple[DatasetNews, ...]:
    """The datasets that the run changed, or failed to load."""
    return tuple(
        _dataset(each, report) for each in report.datasets if each.rows.changed or each.error
    )


def _dataset(dataset: DatasetReport, report: RunReport) -> DatasetNews:
    rows, failed = dataset.rows, error_dict(dataset.error, report.told)
    return DatasetNews(
        id=dataset.id,
        year=dataset.year,
        downloaded=rows.downloaded,
        inserted=rows.inserted,
        updated=rows.updated,
        deleted=rows.deleted,
        target=rows.target,
        source_rows=dataset.source_rows,
        error=failed["message"] if failed else None,
    )
