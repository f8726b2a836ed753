"""What is told of a run that this process made: to programs, and to people where there is no operator."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.unit.api.bad_manifests import GOOD

from socratasync.api.manifest import Manifest
from socratasync.api.spec import SyncSpec
from socratasync.contract.news import DatasetNews, News
from socratasync.contract.report import DatasetReport, Rows, RunReport
from socratasync.errors import RowCountMismatch, SchemaChanged, SourceUnavailable, SyncError
from socratasync.notify.by_hand import Past, news_of_run
from socratasync.notify.run_news import data_news

START = datetime(2026, 11, 30, 7, 0, tzinfo=UTC)
END = START + timedelta(minutes=5)
MANIFEST = Manifest(name="la-311", namespace="data", spec=SyncSpec.from_json(GOOD))
CHANGED = Rows(downloaded=5, inserted=2, updated=1, target=100)


def dataset(id: str = "rq3b-xjk8", **changes: Any) -> DatasetReport:
    return DatasetReport(id=id, **changes)


def report(*datasets: DatasetReport, error: SyncError | None = None, **changes: Any) -> RunReport:
    words: dict[str, Any] = {"run": "la-311-1", "mode": "update", "error": error, **changes}
    return RunReport(datasets=list(datasets), **words)


AWAY = report(error=SourceUnavailable("data.lacity.org answered HTTP 503"))
STOPPED = report(terminated=True)
WELL = report(dataset(verified=True, schema_in_sync=True))
NOBODY_LOOKED = report(dataset())
DRIFTED = report(dataset(schema_in_sync=False, verified=True))
FROZEN = report(dataset(schema_in_sync=True, verified=True, frozen_columns=("old",)))
REFUSED = report(dataset(error=SchemaChanged("no column status"), schema_in_sync=False))
MISCOUNTED = report(dataset(verified=False, schema_in_sync=True))
MISCOUNTED_AND_REFUSED = report(dataset(error=RowCountMismatch("12 missing")))


def told(now: RunReport, *before: RunReport) -> News:
    """What is told of a run after these, newest first, one an hour."""
    past = [Past(END - timedelta(hours=n + 1), each.as_dict()) for n, each in enumerate(before)]
    return news_of_run(MANIFEST, now, past, start=START, end=END)


def occasions(troubles: Sequence[Any]) -> list[tuple[str, int]]:
    """Each occasion with the hours since when."""
    return [(t.occasion, round((END - t.since) / timedelta(hours=1))) for t in troubles]


@pytest.mark.parametrize(
    ("now", "before", "begun", "over"),
    [
        pytest.param(WELL, [], [], [], id="all is well"),
        pytest.param(WELL, [WELL], [], [], id="all is well as before"),
        pytest.param(AWAY, [WELL], [("Failure", 0)], [], id="a failure"),
        pytest.param(AWAY, [AWAY, AWAY, WELL, AWAY], [("Failure", 2)], [], id="still the failure"),
        pytest.param(WELL, [AWAY, AWAY, WELL], [], [("Failure", 2)], id="a recovery"),
        pytest.param(WELL, [STOPPED], [], [], id="one that was stopped has not failed"),
        pytest.param(WELL, [STOPPED, AWAY], [], [("Failure", 2)], id="nor recovered"),
        pytest.param(DRIFTED, [WELL], [("SchemaChanged", 0)], [], id="columns changed"),
        pytest.param(DRIFTED, [DRIFTED, WELL], [], [], id="columns are as wrong as before"),
        pytest.param(DRIFTED, [AWAY, DRIFTED], [], [("Failure", 1)], id="which a failure hid"),
        pytest.param(FROZEN, [WELL], [("SchemaChanged", 0)], [], id="a column froze"),
        pytest.param(WELL, [FROZEN, DRIFTED], [], [("SchemaChanged", 2)], id="columns agree again"),
        pytest.param(NOBODY_LOOKED, [DRIFTED], [], [], id="nobody looked whether they do"),
        pytest.param(AWAY, [DRIFTED], [("Failure", 0)], [], id="nobody could look"),
        pytest.param(
            REFUSED, [WELL], [("Failure", 0), ("SchemaChanged", 0)], [], id="columns are refused"
        ),
        pytest.param(MISCOUNTED, [WELL], [("RowCountMismatch", 0)], [], id="counts differ"),
        pytest.param(
            MISCOUNTED_AND_REFUSED,
            [MISCOUNTED],
            [("Failure", 0)],
            [],
            id="counts still differ, and now that is a failure",
        ),
        pytest.param(WELL, [MISCOUNTED], [], [("RowCountMismatch", 1)], id="counts agree again"),
    ],
)
def test_what_a_run_by_hand_tells(
    now: RunReport, before: list[RunReport], begun: list[Any], over: list[Any]
) -> None:
    news = told(now, *before)

    assert (occasions(news.begun), occasions(news.over)) == (begun, over)


def test_what_is_over_is_told_as_it_was_last() -> None:
    earlier = report(error=SourceUnavailable("a first sentence"))

    (over,) = told(WELL, AWAY, earlier).over

    assert over.message == "data.lacity.org answered HTTP 503"
    assert over.reason == "SourceUnavailable"


def test_a_run_by_hand_names_sync_portal_run_and_the_datasets_that_changed() -> None:
    news = told(report(dataset(rows=CHANGED, year=2020, source_rows=100), dataset("pvft-t768")))

    assert (news.name, news.namespace, news.domain) == ("la-311", None, "data.lacity.org")
    assert (news.at, news.succeeded) == (END, True)
    assert news.run
    assert (news.run.job, news.run.result, news.run.trigger) == ("la-311-1", "Succeeded", None)
    assert (news.run.start, news.run.end) == (START, END)
    assert news.datasets == (
        DatasetNews(
            id="rq3b-xjk8",
            year=2020,
            downloaded=5,
            inserted=2,
            updated=1,
            deleted=0,
            target=100,
            source_rows=100,
        ),
    )


def test_a_run_that_changed_nothing_is_no_success_to_tell_of() -> None:
    news = told(report(dataset()))

    assert not news.succeeded
    assert news.run
    assert news.run.result == "NoChange"
    assert news.for_channel(["Success", "Failure"]) is None


def test_a_run_that_could_not_begin_is_told_without_a_run() -> None:
    news = told(report(run="", error=SourceUnavailable("x")))

    assert news.run is None
    assert occasions(news.begun) == [("Failure", 0)]


def test_programs_are_told_that_there_is_new_data_though_a_dataset_failed() -> None:
    error = SourceUnavailable("the token hunter2 is refused")
    now = report(
        dataset(rows=CHANGED),
        dataset("pvft-t768", error=error),
        redact=lambda s: s.replace("hunter2", "***"),
    )

    news = data_news(
        now, name="la-311", namespace="data", domain="data.lacity.org", start=START, now=END
    )

    assert (news.succeeded, news.namespace, news.begun) == (True, "data", ())
    assert news.run
    assert (news.run.result, news.run.start, news.run.end) == ("Failed", START, None)
    assert [d.error for d in news.datasets] == [None, "the token *** is refused"]


def test_each_try_of_a_run_has_the_same_id() -> None:
    words: dict[str, Any] = {"name": "n", "namespace": "d", "domain": "x", "start": START}

    first = data_news(report(), **words, now=START)
    second = data_news(report(), **words, now=END)
    other = data_news(report(run="la-311-2"), **words, now=END)

    assert first.id == second.id != other.id
    assert len(first.id) <= 64
