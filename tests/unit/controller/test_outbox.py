"""Which news a change of the status is, and that nothing is noted twice, nor anything new while something is owed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.controller.conftest import at

from socratasync.api.dataset_status import DatasetStatus, RowCounts, RunError
from socratasync.api.news_status import NewsStatus, OpenTrouble, OwedNews, Trouble
from socratasync.api.status import Condition, LastRun, RunSummary, SyncStatus
from socratasync.api.status_words import Result, Trigger
from socratasync.contract.news import DatasetNews, RunNews
from socratasync.controller.observed.resource import Resource
from socratasync.controller.status.news import news_of
from socratasync.controller.status.outbox import next_news, settled

MakeResource = Callable[..., Resource]

BEFORE, NOW = at("2026-11-22T07:00:00"), at("2026-11-23T07:00:00.5")
ALL = ["Failure", "Recovery", "Success", "Stale", "SchemaChanged", "RowCountMismatch", "Invalid"]


def channel(*on: str) -> dict[str, Any]:
    return {"webhook": {"secretRef": {"name": "desk"}}, "on": list(on or ALL)}


def condition(kind: str, truth: Any, reason: str = "Why") -> Condition:
    return Condition(
        type=kind, status=truth, reason=reason, message="w" * 300, last_transition_time=BEFORE
    )


def run(uid: str = "run-2", result: Result = Result.SUCCEEDED) -> LastRun:
    return LastRun(
        job="la-311-2",
        uid=uid,
        result=result,
        trigger=Trigger.SCHEDULE,
        mode="update",
        start=BEFORE,
        end=NOW,
    )


STALE = condition("Fresh", "False", "Stale")
BAD = condition("Ready", "False", "TargetMismatch")
LASTING = OpenTrouble(occasion="Stale", reason="Stale", message="w", since=BEFORE, run="run-1")


def test_nobody_is_told_where_no_channel_is_named(resource: MakeResource) -> None:
    assert next_news(resource(), SyncStatus(conditions=(STALE,)), NOW) is None
    known = resource(status=SyncStatus(news=NewsStatus(open=(LASTING,))))
    assert next_news(known, SyncStatus(conditions=(STALE,)), NOW) is None


def test_what_was_told_stays_known_while_nobody_can_read_who_is_told(
    resource: MakeResource,
) -> None:
    known = NewsStatus(open=(LASTING,))
    broken = resource(status=SyncStatus(news=known), notify="nobody")

    assert broken.spec is None
    assert next_news(broken, SyncStatus(), NOW) == known


def test_all_that_is_well_leaves_nothing(resource: MakeResource) -> None:
    assert next_news(resource(notify=[channel()]), SyncStatus(), NOW) is None


def test_what_begins_in_one_look_is_one_news(resource: MakeResource) -> None:
    told = resource(notify=[channel()], status=SyncStatus(last_run=run("run-1")))
    after = SyncStatus(conditions=(BAD, STALE), last_run=run(result=Result.FAILED))

    news = next_news(told, after, NOW)

    assert news is not None
    assert news.owed is not None
    failure, stale = news.owed.begun
    assert (failure.occasion, failure.reason, failure.message) == (
        "Failure",
        "TargetMismatch",
        "w" * 300,
    )
    assert type(failure) is Trouble
    assert (stale.occasion, stale.since) == ("Stale", BEFORE)
    assert news.owed.at == at("2026-11-23T07:00:00")
    assert (news.owed.over, news.owed.succeeded, news.owed.run) == ((), False, "run-2")
    assert [(each.occasion, each.run) for each in news.open] == [
        ("Failure", "run-2"),
        ("Stale", "run-2"),
    ]
    assert [len(each.message) for each in news.open] == [200, 200]
    assert (news.open[0].reason, news.open[0].since) == ("TargetMismatch", BEFORE)


def test_what_was_told_is_not_told_again_and_its_end_is(resource: MakeResource) -> None:
    known = SyncStatus(news=NewsStatus(open=(LASTING,)))
    told = resource(notify=[channel()], status=known)

    assert next_news(told, SyncStatus(conditions=(STALE,)), NOW) == known.news
    assert next_news(told, SyncStatus(), NOW) == known.news, "unknown is not over"
    over = next_news(told, SyncStatus(conditions=(condition("Fresh", "True"),)), NOW)

    assert over is not None
    assert over.open == ()
    assert over.owed is not None
    assert over.owed.over == (Trouble(occasion="Stale", reason="Stale", message="w", since=BEFORE),)
    assert (over.owed.begun, over.owed.run) == ((), None)


def test_what_is_over_and_begins_again_in_one_look_lasts(resource: MakeResource) -> None:
    failed = replace(LASTING, occasion="Failure")
    told = resource(notify=[channel()], status=SyncStatus(news=NewsStatus(open=(failed,))))
    waits = {"job": "la-311-3", "uid": "run-3", "reason": "PodNotStarting"}
    after = replace(
        resource(status={"activeRun": waits}).status,
        conditions=(condition("Ready", "True"),),
        last_run=run(),
    )
    told = replace(told, status=replace(told.status, last_run=run()))

    assert next_news(told, after, NOW) == NewsStatus(open=(failed,))


def test_nothing_is_noted_while_something_is_owed(resource: MakeResource) -> None:
    owed = NewsStatus(owed=OwedNews(id="n", at=BEFORE, succeeded=True))

    told = resource(notify=[channel()], status=SyncStatus(news=owed))

    assert next_news(told, SyncStatus(conditions=(STALE,)), NOW) == owed


def test_whoever_suspends_a_sync_is_not_told_how_it_stands_until_it_is_resumed(
    resource: MakeResource,
) -> None:
    after = SyncStatus(conditions=(STALE,))

    assert next_news(resource(notify=[channel()], suspend=True), after, NOW) is None
    resumed = next_news(resource(notify=[channel()]), after, NOW)
    assert resumed is not None
    assert resumed.owed is not None


@pytest.mark.parametrize(
    ("on", "owed"),
    [
        (["Success"], {"run-2"}),
        (["Failure"], set()),
    ],
)
def test_a_success_is_news_of_its_run_once(
    on: list[str], owed: set[str], resource: MakeResource
) -> None:
    before = resource(notify=[channel(*on)], status=SyncStatus(last_run=run("run-1")))

    news = next_news(before, SyncStatus(last_run=run()), NOW)
    again = replace(before, status=SyncStatus(last_run=run()))

    assert ({news.owed.run} if news and news.owed else set()) == owed
    assert next_news(again, SyncStatus(last_run=run()), NOW) is None


@pytest.mark.parametrize("result", [Result.NO_CHANGE, Result.FAILED, Result.CANCELLED, Result.LOST])
def test_a_run_that_changed_nothing_is_no_success(result: Result, resource: MakeResource) -> None:
    told = resource(notify=[channel("Success")])

    assert next_news(told, SyncStatus(last_run=run(result=result)), NOW) is None


def test_what_no_channel_wants_is_remembered_and_owed_to_nobody(resource: MakeResource) -> None:
    told = resource(notify=[channel("Invalid")])

    news = next_news(told, SyncStatus(conditions=(STALE,)), NOW)

    assert news is not None
    assert news.owed is None
    assert [each.occasion for each in news.open] == ["Stale"]
    assert news.open[0].run is None


def test_each_news_has_a_name_of_its_own(resource: MakeResource) -> None:
    told = resource(notify=[channel()])
    after = SyncStatus(conditions=(STALE,))

    ids = {
        news.owed.id
        for each, now in (
            (told, NOW),
            (told, NOW),
            (replace(told, version="8"), NOW),
            (replace(told, uid="other"), NOW),
            (told, BEFORE),
        )
        if (news := next_news(each, after, now)) and news.owed
    }

    assert len(ids) == 4
    assert all(len(name) == 16 for name in ids)


def test_what_was_sent_is_noted_until_all_of_it_is() -> None:
    owed = OwedNews(id="n", at=BEFORE)
    news = NewsStatus(open=(LASTING,), owed=owed)

    assert settled(news, ["b", "a"], complete=False) == replace(
        news, owed=replace(owed, sent=("a", "b"))
    )
    assert settled(news, [], complete=False) == news
    assert settled(news, ["a"], complete=True) == NewsStatus(open=(LASTING,))
    assert settled(NewsStatus(owed=owed), [], complete=True) is None
    assert settled(NewsStatus(open=(LASTING,)), [], complete=False) == NewsStatus(open=(LASTING,))


# The object that channels get


COUNTS = RowCounts(downloaded=9, inserted=1, updated=2, deleted=3, target=100)


def datasets() -> tuple[DatasetStatus, ...]:
    return (
        DatasetStatus(id="new", year=2020, rows=COUNTS, source_rows=101),
        DatasetStatus(id="same", rows=RowCounts(downloaded=9, unchanged=9)),
        DatasetStatus(id="uncounted"),
        *(
            DatasetStatus(id=f"one-{what}", rows=RowCounts(**{what: 1}))
            for what in ("inserted", "updated", "deleted")
        ),
        DatasetStatus(id="bad", rows=COUNTS, error=RunError(reason="Bad", message="m" * 900)),
        DatasetStatus(id="worse", error=RunError(reason="Worse")),
        DatasetStatus(id="worst", error=RunError()),
    )


def test_news_has_what_the_status_knows_of_its_run(resource: MakeResource) -> None:
    told = resource(notify=[channel()])
    owed = OwedNews(
        id="n",
        at=BEFORE,
        begun=(Trouble(occasion="Stale", reason="S", message="m", since=BEFORE),),
        over=(Trouble(occasion="Invalid", reason="I", message="m", since=BEFORE),),
        succeeded=True,
        run="run-2",
    )

    news = news_of(told, SyncStatus(last_run=run(), history=(run(),), datasets=datasets()), owed)

    assert (news.id, news.at, news.begun, news.over) == ("n", BEFORE, owed.begun, owed.over)
    assert (news.namespace, news.name, news.domain) == ("data", "la-311", "data.lacity.org")
    assert news.succeeded
    assert news.run == RunNews(
        job="la-311-2",
        result=Result.SUCCEEDED,
        trigger=Trigger.SCHEDULE,
        mode="update",
        start=BEFORE,
        end=NOW,
    )
    assert [each.id for each in news.datasets] == [
        "new",
        "one-inserted",
        "one-updated",
        "one-deleted",
        "bad",
        "worse",
        "worst",
    ]
    assert news.datasets[0] == DatasetNews(
        id="new",
        year=2020,
        downloaded=9,
        inserted=1,
        updated=2,
        deleted=3,
        target=100,
        source_rows=101,
    )
    errors = [each.error for each in news.datasets[4:]]
    assert errors[0] is not None
    assert len(errors[0]) == 200
    assert errors[1:] == ["Worse", ""]


def test_news_of_a_failed_run_has_no_counts_of_an_earlier_one(resource: MakeResource) -> None:
    failed = run(result=Result.FAILED)
    status = SyncStatus(last_run=failed, history=(failed,), datasets=datasets())

    news = news_of(resource(), status, OwedNews(id="n", at=BEFORE, run="run-2"))

    assert [(each.id, each.inserted) for each in news.datasets] == [
        ("bad", None),
        ("worse", None),
        ("worst", None),
    ]


def test_news_of_an_earlier_run_has_what_history_knows_of_it(resource: MakeResource) -> None:
    history = (
        RunSummary(uid="run-2", result=Result.FAILED, job="la-311-2"),
        RunSummary(uid="run-1", result=Result.SUCCEEDED),
        RunSummary(uid="run-0"),
    )
    status = SyncStatus(last_run=run("run-3"), history=history, datasets=datasets())

    def of(uid: str | None) -> RunNews | None:
        news = news_of(resource(), status, OwedNews(id="n", at=BEFORE, run=uid))
        assert news.datasets == ()
        return news.run

    assert of("run-2") == RunNews(job="la-311-2", result=Result.FAILED)
    assert of("run-1") == RunNews(job="", result=Result.SUCCEEDED)
    assert of("run-0") is None
    assert of("gone") is None
    assert of(None) is None


def test_news_of_no_run_has_none(resource: MakeResource) -> None:
    unnamed = replace(run(), uid=None)
    nameless = SyncStatus(last_run=unnamed, history=(unnamed,), datasets=datasets())

    news = news_of(resource(timeZone="Mars/Olympus"), nameless, OwedNews(id="n", at=BEFORE))

    assert (news.run, news.datasets, news.domain) == (None, (), None)
