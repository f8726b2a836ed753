"""News as tests send and read it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from socratasync.api.news_status import Trouble
from socratasync.api.notify import Occasion
from socratasync.api.status_words import Result, Trigger
from socratasync.contract.news import DatasetNews, News, RunNews

AT = datetime(2026, 11, 30, 7, 5, tzinfo=UTC)


def trouble(occasion: Occasion = "Failure", **changes: Any) -> Trouble:
    """Something that is wrong since 07:00."""
    usual: dict[str, Any] = {
        "reason": "SourceUnavailable",
        "message": "data.lacity.org answered HTTP 503; look at its page",
        "since": datetime(2026, 11, 30, 7, 0, tzinfo=UTC),
    }
    return Trouble(occasion=occasion, **{**usual, **changes})


def news(**changes: Any) -> News:
    """News of data/la-311, with nothing in it unless the changes have it."""
    usual: dict[str, Any] = {
        "id": "4f1d",
        "at": AT,
        "name": "la-311",
        "namespace": "data",
        "domain": "data.lacity.org",
    }
    return News(**{**usual, **changes})


RUN = RunNews(
    job="la-311-29402880",
    result=Result.FAILED,
    trigger=Trigger.SCHEDULE,
    mode="update",
    start=datetime(2026, 11, 30, 7, 0, tzinfo=UTC),
    end=AT,
)

DATASET = DatasetNews(
    id="rq3b-xjk8",
    year=2020,
    downloaded=5,
    inserted=2,
    updated=1,
    deleted=0,
    target=1_491_823,
    source_rows=1_491_823,
)
