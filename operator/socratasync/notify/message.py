"""What people are told of a piece of news, before a channel gives it its form. Pure.

Paragraphs are in the order of their weight, so that a channel that has no room for all of them leaves out the last.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from socratasync.api.news_status import Trouble
from socratasync.contract.news import DatasetNews, News, RunNews
from socratasync.contract.report import shorten
from socratasync.notify.occasions import WORDINGS, runbook

SENTENCE: Final = 600
"""Characters of one text of others."""

_DATASETS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """A heading, a text, or both; ``page``: the address of a runbook."""

    head: str = ""
    text: str = ""
    page: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """``tone``: whether something is wrong. ``title`` says which sync, and what."""

    tone: Literal["bad", "good"]
    title: str
    paragraphs: tuple[Paragraph, ...]


def compose(news: News, runbooks: str) -> Message:
    """What is told: which sync, what is wrong, since when, what to do about it, and what the run did.
    ``runbooks``: the address below which their pages are."""
    return Message(
        tone="bad" if news.begun else "good",
        title=f"{_sync(news)}: {_summary(news)}",
        paragraphs=tuple(_paragraphs(news, runbooks)),
    )


def _sync(news: News) -> str:
    return f"{news.namespace}/{news.name}" if news.namespace else news.name


def _summary(news: News) -> str:
    if news.begun:
        phrases = [WORDINGS[each.occasion].wrong for each in news.begun]
    else:
        phrases = [WORDINGS[each.occasion].over for each in news.over]
    return ", ".join(dict.fromkeys(phrases)) or "new data"


def _paragraphs(news: News, runbooks: str) -> Iterator[Paragraph]:
    for trouble in news.begun:
        yield _wrong(trouble, runbooks)
    if news.begun:
        yield Paragraph(head="Look", text=_command(news))
    for trouble in news.over:
        yield Paragraph(head=f"Over: {_what_since(trouble)}")
    if news.succeeded:
        yield Paragraph(head="Rows", text=_counts(_total(news.datasets)))
    if news.run:
        yield Paragraph(head="Run", text=_run(news.run))
    if news.domain:
        yield Paragraph(head="Portal", text=news.domain)
    yield from _datasets(news.datasets)


def _wrong(trouble: Trouble, runbooks: str) -> Paragraph:
    """The message says what to do: it is a condition's, or that of a failed run."""
    return Paragraph(
        head=_what_since(trouble),
        text=in_one_line(trouble.message),
        page=f"{runbooks.rstrip('/')}/{runbook(trouble)}.md",
    )


def _what_since(trouble: Trouble) -> str:
    """Most occasions have one reason, of the same name."""
    words = dict.fromkeys([trouble.occasion, trouble.reason])
    return f"{': '.join(words)}, since {_time(trouble.since)}"


def _command(news: News) -> str:
    if news.namespace:
        return f"kubectl -n {news.namespace} describe socratasync {news.name}"
    return "socratasync status -f FILE"


def _run(run: RunNews) -> str:
    why = ", ".join(word for word in (run.trigger, run.mode) if word)
    times = [_time(at) for at in (run.start, run.end) if at]
    when = f", {' to '.join(times)}" if times else ""
    return f"{run.job}{f' ({why})' if why else ''}: {run.result}{when}"


def _datasets(datasets: tuple[DatasetNews, ...]) -> Iterator[Paragraph]:
    """Those that failed first."""
    ordered = sorted(datasets, key=lambda each: each.error is None)
    for each in ordered[:_DATASETS]:
        head = f"{each.id} ({each.year})" if each.year else each.id
        yield Paragraph(head=head, text=in_one_line(each.error) if each.error else _counts(each))
    if len(ordered) > _DATASETS:
        yield Paragraph(text=f"and {len(ordered) - _DATASETS} more datasets")


def _total(datasets: tuple[DatasetNews, ...]) -> DatasetNews:
    def added(name: str) -> int:
        return sum(getattr(each, name) or 0 for each in datasets)

    return DatasetNews(
        id="", inserted=added("inserted"), updated=added("updated"), deleted=added("deleted")
    )


def _counts(dataset: DatasetNews) -> str:
    """Those that somebody counted."""
    counts = {
        "new": dataset.inserted,
        "changed": dataset.updated,
        "deleted": dataset.deleted,
        "in the table": dataset.target,
        "at the source": dataset.source_rows,
    }
    return ", ".join(f"{count:,} {what}" for what, count in counts.items() if count is not None)


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def in_one_line(text: str) -> str:
    """Words of others: short, in one line, and without characters that show nothing or turn the line around."""
    lines = ("".join(c if c.isprintable() else " " for c in line) for line in text.splitlines())
    joined = "; ".join(line for each in lines if (line := " ".join(each.split())))
    return shorten(joined, SENTENCE)
