"""When a change of the status is news, and that it is told once: the outbox in the status. Pure.

What was told is written down with what is to be told, in the same write as the turn itself. So the same is decided
again by an operator that was killed before that write, and nothing by one that was killed after it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from socratasync.api.news_status import NewsStatus, OpenTrouble, OwedNews, Trouble
from socratasync.api.status import LastRun, SyncStatus
from socratasync.api.status_words import Result
from socratasync.contract.report import shorten
from socratasync.controller.observed.resource import Resource
from socratasync.controller.status.news import news_of
from socratasync.controller.status.troubles import is_over, troubles
from socratasync.times import write_instant

_REMEMBERED_CHARACTERS = 200
"""Of the message of a trouble: enough to say what it was when it is over."""


def next_news(resource: Resource, status: SyncStatus, now: datetime) -> NewsStatus | None:
    """``status.news`` of the resource's next status. None where nobody is to be told anything.

    While something is owed nothing new is noted. Once it was told, what has changed since then is.
    """
    if not resource.audience.channels:
        return (
            None if resource.spec else resource.status.news
        )  # of which nobody can read who is told
    known = resource.status.news or NewsStatus()
    if known.owed is not None:
        return known
    wrong = troubles(resource, status, now)
    told = {each.occasion for each in known.open}
    over = [t for t in known.open if t.occasion not in wrong and is_over(t, resource, status)]
    begun = [] if _is_suspended(resource) else [w for o, w in wrong.items() if o not in told]
    news = NewsStatus(
        open=(
            *(each for each in known.open if each not in over),
            *(_opened(each, status) for each in begun),
        ),
        owed=_owed(resource, status, begun, [_closed(each) for each in over], now),
    )
    return None if news == NewsStatus() else news


def settled(news: NewsStatus, sent: Iterable[str], *, complete: bool) -> NewsStatus | None:
    """The same after Jobs of these names were created for what is owed; with ``complete`` nothing is owed any more."""
    if news.owed is None:
        return news
    if not complete:
        return replace(news, owed=replace(news.owed, sent=tuple(sorted(sent)) or None))
    return NewsStatus(open=news.open) if news.open else None


def _owed(
    resource: Resource,
    status: SyncStatus,
    begun: Sequence[Trouble],
    over: Sequence[Trouble],
    now: datetime,
) -> OwedNews | None:
    """The news; None if no channel wants any of it."""
    run = _run_that_ended(resource.status, status)
    owed = OwedNews(
        id=_id(resource, now),
        at=now.replace(microsecond=0),
        begun=tuple(begun),
        over=tuple(over),
        succeeded=run is not None and run.result is Result.SUCCEEDED,
        run=run.uid if run else None,
    )
    news = news_of(resource, status, owed)
    wanted = any(news.for_channel(channel.on) for channel in resource.audience.channels)
    return owed if wanted else None


def _run_that_ended(old: SyncStatus, new: SyncStatus) -> LastRun | None:
    """The run that the new status is the first to call the last."""
    before, last = old.last_run, new.last_run
    return last if last and last.uid != (before.uid if before else None) else None


def _id(resource: Resource, now: datetime) -> str:
    """Of one version of a resource only one piece of news is ever written."""
    told = f"{resource.uid} {resource.version} {write_instant(now)}"
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _is_suspended(resource: Resource) -> bool:
    """Whoever suspends a sync need not be told how it stands; what is wrong still is told when it is resumed."""
    return resource.spec is not None and resource.spec.suspend


def _opened(trouble: Trouble, status: SyncStatus) -> OpenTrouble:
    return OpenTrouble(
        occasion=trouble.occasion,
        reason=trouble.reason,
        message=shorten(trouble.message, _REMEMBERED_CHARACTERS),
        since=trouble.since,
        run=status.last_run.uid if status.last_run else None,
    )


def _closed(trouble: OpenTrouble) -> Trouble:
    return Trouble(
        occasion=trouble.occasion,
        reason=trouble.reason,
        message=trouble.message,
        since=trouble.since,
    )
