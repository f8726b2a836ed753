"""News of a run by hand: there is no operator that knows how the sync stood before, so past runs tell. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from socratasync.api.manifest import Manifest
from socratasync.api.news_status import Trouble
from socratasync.api.notify import Occasion
from socratasync.contract.news import News
from socratasync.contract.report import RunReport, listed
from socratasync.notify.run_news import dataset_news, news_id, run_news


class Past(NamedTuple):
    """An earlier run of the target: when it ended, and its report as it is kept."""

    ended: datetime
    report: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wrong:
    reason: str
    message: str


_Verdicts = Mapping[Occasion, _Wrong | None]
"""What a run found out, by occasion: what is wrong, or None where all is well. Absent: nobody looked."""


def news_of_run(
    manifest: Manifest,
    report: RunReport,
    past: Sequence[Past],
    *,
    start: datetime,
    end: datetime,
) -> News:
    """What is to be told of the run. A failure is told by each run that fails; other troubles by the first that
    finds them."""
    now = judged(report.as_dict())
    before = {occasion: _before(occasion, past) for occasion in now}
    return News(
        id=news_id(report.run or f"{manifest.name} {end}"),
        at=end,
        name=manifest.name,
        domain=manifest.spec.domain,
        begun=tuple(
            _trouble(occasion, wrong, before[occasion] or end)
            for occasion, wrong in now.items()
            if wrong and (occasion == "Failure" or not before[occasion])
        ),
        over=tuple(
            _was_wrong(occasion, past) for occasion in now if _is_over(now, before, occasion)
        ),
        succeeded=report.ok and report.rows.changed > 0,
        run=run_news(report, start=start, end=end) if report.run else None,
        datasets=dataset_news(report),
    )


def judged(report: Mapping[str, Any]) -> _Verdicts:
    """What a report, as it is kept, says of each occasion."""
    verdicts: dict[Occasion, _Wrong | None] = {}
    error = report.get("error") or {}
    if report.get("ok"):
        verdicts["Failure"] = None
    elif error.get("reason") not in (None, "Terminated"):  # who stops a run knows
        verdicts["Failure"] = _Wrong(reason=error["reason"], message=error["message"])
    datasets = report.get("datasets") or []
    if any(each.get("schemaInSync") is not None for each in datasets):
        verdicts["SchemaChanged"] = _wrong(
            "SchemaChanged",
            [d["id"] for d in datasets if d.get("schemaInSync") is False or d.get("frozenColumns")],
            "the columns of {} are not those of the table, or the table's keep old values",
        )
    if any(each.get("verified") is not None or _miscounted(each) for each in datasets):
        verdicts["RowCountMismatch"] = _wrong(
            "RowCountMismatch",
            [d["id"] for d in datasets if d.get("verified") is False or _miscounted(d)],
            "the rows of {} are not as many as the source counts",
        )
    return verdicts


def _miscounted(dataset: Mapping[str, Any]) -> bool:
    return bool((dataset.get("error") or {}).get("reason") == "RowCountMismatch")


def _wrong(reason: str, datasets: list[str], sentence: str) -> _Wrong | None:
    if not datasets:
        return None
    which = sentence.format(listed(datasets, 10))
    return _Wrong(reason=reason, message=f"{which}; the run's warnings say which, and what helps")


def _before(occasion: Occasion, past: Sequence[Past]) -> datetime | None:
    """Since when it was wrong, as far as past runs tell; None if it was not."""
    since = None
    for run in past:
        verdicts = judged(run.report)
        if occasion in verdicts and verdicts[occasion] is None:
            break
        since = run.ended if verdicts.get(occasion) else since
    return since


def _is_over(
    now: _Verdicts, before: Mapping[Occasion, datetime | None], occasion: Occasion
) -> bool:
    return now[occasion] is None and before[occasion] is not None


def _was_wrong(occasion: Occasion, past: Sequence[Past]) -> Trouble:
    since = _before(occasion, past)
    wrong = next(found for run in past if (found := judged(run.report).get(occasion)))
    assert since is not None, "only what was wrong is over"
    return _trouble(occasion, wrong, since)


def _trouble(occasion: Occasion, wrong: _Wrong, since: datetime) -> Trouble:
    return Trouble(occasion=occasion, reason=wrong.reason, message=wrong.message, since=since)
