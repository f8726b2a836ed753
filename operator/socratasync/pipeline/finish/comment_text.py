"""What the comments of a table say, of one dataset or of several. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from socratasync.contract.report import listed, shorten
from socratasync.pipeline.target.comments import TABLE, Told, marked

_SHORT = 200
"""Characters of a description where several datasets are in the table."""
_MOST = 5
"""Datasets that are named of those which say the same of a column."""


def wanted(told: Sequence[Told]) -> dict[str, str]:
    """Column, or ``TABLE``, → its comment; nothing of a column of which nobody says anything."""
    texts = {TABLE: _of_table([each.about for each in told if each.about])}
    columns = dict.fromkeys(name for each in told for name in each.described)
    texts |= {name: _of_column(name, told) for name in columns}
    return {name: marked(text) for name, text in texts.items() if text}


def _of_table(datasets: Sequence[Mapping[str, str]]) -> str:
    if not datasets:
        return ""
    if len(datasets) == 1:
        return "\n".join(_sentences(datasets[0]))
    return "\n".join([f"{len(datasets)} datasets:", *map(_in_short, datasets)])


def _sentences(about: Mapping[str, str]) -> Iterable[str]:
    """A line for each thing that is said of the dataset."""
    for what, before in _LINES:
        if text := about.get(what):
            yield before + text


_LINES = (
    ("title", ""),
    ("description", ""),
    ("attribution", "Attribution: "),
    ("licence", "Licence: "),
    ("address", "Source: "),
)


def _in_short(about: Mapping[str, str]) -> str:
    """All of it in one line."""
    short = {**about, "description": shorten(about.get("description", ""), _SHORT)}
    return " | ".join(_sentences(short))


def _of_column(name: str, told: Sequence[Told]) -> str:
    """What all datasets say of it; if they differ, a line for each text, with those that say it."""
    saying: dict[str, list[str]] = {}
    for each in told:
        if text := each.described.get(name):
            saying.setdefault(text, []).append(each.dataset)
    if len(saying) == 1:
        return next(iter(saying))
    return "\n".join(f"{text} ({listed(ids, _MOST)})" for text, ids in saying.items())
